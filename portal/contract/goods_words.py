"""The vocabulary of the sandbox's goods: invented brands, everyday things and colours, in three languages."""

from typing import NamedTuple

from portal.contract.words import Text


class Brand(NamedTuple):
    """An invented maker; no real one is meant."""

    code: str
    latin: str
    zh: str


class Thing(NamedTuple):
    """A kind of product: its names, its price range in fen, its weight in grams, and the sizes it comes in."""

    code: str
    name: Text
    low: int
    high: int
    grams: int
    sizes: tuple[str, ...]


class Colour(NamedTuple):
    """A colour as it stands in SKU codes and in titles."""

    code: str
    name: Text


BRANDS = (
    Brand("NPK", "Northpeak", "北岭"),
    Brand("KMS", "Kayumanis", "桂木"),
    Brand("LMO", "Lumenoak", "光橡"),
    Brand("SGR", "Segara", "海澜居"),
    Brand("TWB", "Tideway & Beck", "潮白"),
    Brand("ARU", "Arunika", "晨曦里"),
    Brand("FJL", "Fjellbo", "山居"),
    Brand("QHE", "Qinghe", "清禾"),
    Brand("RMB", "Rambutree", "红毛果"),
    Brand("OTL", "Otterlane", "獭巷"),
    Brand("BTK", "Batikara", "蜡染坊"),
    Brand("HVN", "Havenwick", "港湾"),
    Brand("YUN", "Yunshan", "云衫"),
    Brand("PDI", "Padi & Co", "稻谷"),
    Brand("CRV", "Corvane", "鸦翎"),
    Brand("MLT", "Melati", "茉莉家"),
)

SERIES = (
    Text("Classic", "Klasik", "经典"),
    Text("Everyday", "Harian", "日常"),
    Text("Trail", "Jelajah", "旅行"),
    Text("Lite", "Ringan", "轻量"),
    Text("Studio", "Studio", "工作室"),
    Text("Harvest", "Panen", "丰收"),
    Text("Harbour", "Pelabuhan", "海港"),
    Text("Monsoon", "Muson", "季风"),
    Text("Family", "Keluarga", "家庭装"),
    Text("Heritage", "Warisan", "传承"),
    Text("Nordic", "Nordik", "北欧"),
    Text("Travel Pro", "Travel Pro", "商旅"),
)

THINGS = (
    Thing("CUP", Text("Insulated Cup", "Gelas Termos", "保温杯"), 3900, 16900, 380, ("350ML", "500ML")),
    Thing("KTL", Text("Electric Kettle", "Ketel Listrik", "电热水壶"), 9900, 32900, 1400, ("1L", "1.7L")),
    Thing("TEE", Text("Cotton T-Shirt", "Kaos Katun", "纯棉T恤"), 2900, 12900, 220, ("M", "L")),
    Thing("BAG", Text("Canvas Backpack", "Ransel Kanvas", "帆布双肩包"), 8900, 35900, 850, ("18L", "24L")),
    Thing("LMP", Text("Desk Lamp", "Lampu Meja", "台灯"), 6900, 29900, 1100, ("EU", "CN")),
    Thing("TOW", Text("Bath Towel", "Handuk Mandi", "浴巾"), 2500, 9900, 450, ("70CM", "90CM")),
    Thing("PAN", Text("Frying Pan", "Wajan Anti Lengket", "不粘煎锅"), 7900, 28900, 1250, ("24CM", "28CM")),
    Thing("KNF", Text("Kitchen Knife", "Pisau Dapur", "厨师刀"), 4900, 39900, 300, ("15CM", "20CM")),
    Thing("PHC", Text("Phone Case", "Casing Ponsel", "手机壳"), 1500, 6900, 60, ("STD", "MAX")),
    Thing("PWB", Text("Power Bank", "Bank Daya", "充电宝"), 6900, 24900, 320, ("10K", "20K")),
    Thing("HPH", Text("Wireless Headphones", "Headphone Nirkabel", "无线耳机"), 9900, 69900, 250, ("STD", "ANC")),
    Thing("MUG", Text("Ceramic Mug", "Cangkir Keramik", "陶瓷马克杯"), 1900, 7900, 410, ("300ML", "450ML")),
    Thing("TEA", Text("Loose Leaf Tea", "Teh Daun", "散装茶叶"), 2900, 25900, 200, ("100G", "250G")),
    Thing("COF", Text("Ground Coffee", "Kopi Bubuk", "咖啡粉"), 3500, 18900, 260, ("200G", "500G")),
    Thing("YGM", Text("Yoga Mat", "Matras Yoga", "瑜伽垫"), 5900, 22900, 1300, ("6MM", "8MM")),
    Thing("SHO", Text("Running Shoes", "Sepatu Lari", "跑步鞋"), 15900, 79900, 700, ("40", "42")),
    Thing("RCK", Text("Rain Jacket", "Jaket Hujan", "冲锋衣"), 12900, 59900, 600, ("M", "XL")),
    Thing("PLW", Text("Memory Pillow", "Bantal Memori", "记忆枕"), 7900, 29900, 1200, ("S", "L")),
    Thing("CLK", Text("Wall Clock", "Jam Dinding", "挂钟"), 4900, 19900, 900, ("25CM", "30CM")),
    Thing("NTB", Text("Dotted Notebook", "Buku Catatan", "点阵笔记本"), 1200, 5900, 280, ("A5", "A6")),
    Thing("TOY", Text("Wooden Blocks", "Balok Kayu", "积木玩具"), 4900, 26900, 950, ("50PC", "100PC")),
    Thing("BWL", Text("Bamboo Bowl", "Mangkuk Bambu", "竹碗"), 1800, 8900, 180, ("12CM", "16CM")),
    Thing("SNK", Text("Cashew Snack", "Kacang Mete", "腰果零食"), 2200, 11900, 300, ("150G", "400G")),
    Thing("BED", Text("Bed Sheet Set", "Set Seprai", "床单四件套"), 12900, 49900, 2100, ("1.5M", "1.8M")),
)

COLOURS = (
    Colour("RED", Text("Red", "Merah", "红色")),
    Colour("BLU", Text("Blue", "Biru", "蓝色")),
    Colour("GRN", Text("Green", "Hijau", "绿色")),
    Colour("BLK", Text("Black", "Hitam", "黑色")),
    Colour("WHT", Text("White", "Putih", "白色")),
    Colour("YLW", Text("Yellow", "Kuning", "黄色")),
    Colour("PNK", Text("Pink", "Merah Muda", "粉色")),
    Colour("GRY", Text("Grey", "Abu-abu", "灰色")),
    Colour("NVY", Text("Navy", "Biru Tua", "藏青色")),
    Colour("SND", Text("Sand", "Pasir", "沙色")),
)
