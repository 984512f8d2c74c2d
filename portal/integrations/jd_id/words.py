"""What the screens say about JD.ID, in the order and with the names that its seller centre and console had."""

from portal.contract.definition import Entry, Option, Setting
from portal.contract.order_options import CONFIRM_FIRST, MERGING
from portal.contract.words import Text

NAME = "JD.ID"
SEARCH_WORDS = ("jd indonesia", "jd id", "京东印尼")

SUMMARY = Text(
    en="Marketplace in Indonesia until 2023. Products and orders, in the sandbox only.",
    id="Marketplace di Indonesia sampai 2023. Produk dan pesanan, hanya di sandbox.",
    zh="印尼电商平台，运营至2023年。商品和订单，仅限沙盒。",
)

CLOSED = Text(
    en="JD.ID ended on 31 March 2023. Only the sandbox can be connected.",
    id="JD.ID tutup pada 31 Maret 2023. Yang dapat dihubungkan hanya sandbox.",
    zh="京东印尼已于2023年3月31日关闭。只能连接沙盒。",
)

SETTINGS = (
    Setting(
        key="shop_id",
        label=Text("Shop ID", "ID Toko (Shop ID)", "店铺编号 (Shop ID)"),
        help=Text(
            en="In the seller centre under Shop Information.",
            id="Di Seller Center, pada Informasi Toko (Shop Information).",
            zh="在卖家中心的“店铺信息” (Shop Information) 中。",
        ),
        entry=Entry.CODE,
        pattern=r"\d{1,20}",
        pattern_says=Text(
            en="A Shop ID has digits only.",
            id="Shop ID hanya terdiri dari angka.",
            zh="店铺编号只包含数字。",
        ),
    ),
    Setting(
        key="api_key",
        label=Text("API Key", "Kunci API (API Key)", "接口密钥 (API Key)"),
        help=Text(
            en="In the developer console under App Management.",
            id="Di dev console, pada App Management.",
            zh="在开发者控制台的 App Management 中。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="api_secret",
        label=Text("API Secret", "Rahasia API (API Secret)", "接口秘钥 (API Secret)"),
        help=Text(
            en="Beside the API Key. Both belong together.",
            id="Di sebelah API Key. Keduanya satu pasang.",
            zh="在 API Key 旁边，两者配对使用。",
        ),
        entry=Entry.SECRET,
    ),
    Setting(
        key="generation",
        label=Text("API generation", "Generasi API", "接口版本"),
        help=Text(
            en="The second was in use since 2021. The first knows no sign-in: its token is typed below.",
            id="Generasi kedua dipakai sejak 2021. Generasi pertama tanpa login: token diisi di bawah.",
            zh="第二代自2021年起使用。第一代没有登录授权，需在下方填写令牌。",
        ),
        entry=Entry.CHOICE,
        required=False,
        choices={
            "v2": Text("Second (v2)", "Kedua (v2)", "第二代 (v2)"),
            "v1": Text("First (v1)", "Pertama (v1)", "第一代 (v1)"),
        },
        default="v2",
        advanced=True,
    ),
    Setting(
        key="access_token",
        label=Text("Access Token", "Token akses (Access Token)", "访问令牌 (Access Token)"),
        help=Text(
            en="Only for the first generation, where JD.ID handed tokens out by hand.",
            id="Hanya untuk generasi pertama: token diberikan langsung oleh JD.ID.",
            zh="仅用于第一代，令牌由京东印尼人工发放。",
        ),
        entry=Entry.SECRET,
        required=False,
        advanced=True,
    ),
    Setting(
        key="cod_payment_types",
        label=Text("Payment types that mean cash on delivery", "Jenis pembayaran COD", "货到付款的支付类型"),
        help=Text(
            en="JD.ID's numbers for this are not known. Enter the paymentType numbers of your COD orders, as in 2,5.",
            id="Angka JD.ID untuk ini tidak diketahui. Isi angka paymentType pesanan COD Anda, misalnya 2,5.",
            zh="京东印尼的对应数字未知。请填写您的货到付款订单的 paymentType 数字，例如 2,5。",
        ),
        required=False,
        pattern=r"\d{1,9}(\s*,\s*\d{1,9})*",
        pattern_says=Text(
            en="Numbers with commas between them, as in 2,5.",
            id="Angka yang dipisahkan koma, misalnya 2,5.",
            zh="用逗号分隔的数字，例如 2,5。",
        ),
        advanced=True,
    ),
    Setting(
        key="channel_delivery_types",
        label=Text("Delivery types that JD.ID ships itself", "Jenis pengiriman oleh JD.ID", "由京东印尼发货的配送类型"),
        help=Text(
            en="JD.ID's numbers for this are not known. Enter deliveryType numbers, and o2o for o2oOrder, as in 3,o2o.",
            id="Angka JD.ID tidak diketahui. Isi angka deliveryType, dan o2o untuk o2oOrder, misalnya 3,o2o.",
            zh="京东印尼的对应数字未知。请填写 deliveryType 数字，o2oOrder 填 o2o，例如 3,o2o。",
        ),
        required=False,
        pattern=r"(\d{1,9}|o2o)(\s*,\s*(\d{1,9}|o2o))*",
        pattern_says=Text(
            en="Numbers or o2o with commas between them, as in 3,o2o.",
            id="Angka atau o2o yang dipisahkan koma, misalnya 3,o2o.",
            zh="用逗号分隔的数字或 o2o，例如 3,o2o。",
        ),
        advanced=True,
    ),
)

OPTIONS = (
    Option(
        key="import_products",
        label=Text("Import products", "Impor produk", "导入商品"),
        help=Text(
            en="Only products that passed JD.ID's check come in. Those that wait are looked at again at each import.",
            id="Hanya produk yang lolos QC JD.ID yang masuk. Yang belum lolos diperiksa lagi di setiap impor.",
            zh="只导入通过京东印尼审核的商品。待审核的商品在每次导入时重新检查。",
        ),
        default=True,
    ),
    Option(
        key="import_orders",
        label=Text("Import orders", "Impor pesanan", "导入订单"),
        help=Text(
            en="New orders come in, also while export is off.",
            id="Pesanan baru masuk, juga saat ekspor mati.",
            zh="新订单会导入，即使导出已停用。",
        ),
        default=True,
    ),
    Option(
        key="export",
        label=Text("Sync export", "Sinkron ekspor", "同步导出"),
        help=Text(
            en="Off at first, so that nothing at JD.ID changes before you have checked it.",
            id="Mati dulu, supaya di JD.ID tidak ada yang berubah sebelum Anda periksa.",
            zh="默认停用，在您检查之前京东印尼不会有任何变化。",
        ),
        default=False,
    ),
    Option(
        key="export_prices",
        label=Text("Sync prices", "Sinkron harga", "同步价格"),
        help=Text(
            en="Your prices replace those at JD.ID, in whole rupiah. Off: JD.ID keeps its own.",
            id="Harga Anda menggantikan harga di JD.ID, dalam rupiah bulat. Mati: harga JD.ID tetap.",
            zh="您的价格会替换京东印尼的价格（整数印尼盾）。停用时京东印尼保留原价。",
        ),
        default=False,
        needs="export",
    ),
    Option(
        key="auto_link",
        label=Text("Link same SKUs", "Tautkan SKU yang sama", "自动关联相同 SKU"),
        help=Text(
            en="A product whose SKU equals one of yours is linked at once. Otherwise you confirm each.",
            id="Produk dengan SKU yang sama persis langsung ditautkan. Jika tidak, Anda konfirmasi satu per satu.",
            zh="SKU 与您的商品完全相同时立即关联；否则由您逐一确认。",
        ),
        default=True,
    ),
    Option(
        key="auto_merge",
        label=Text("Merge orders", "Gabung pesanan otomatis", "自动合并订单"),
        help=Text(
            en="Joins open orders of the same customer, or to the same address, into one shipment.",
            id="Menggabungkan pesanan terbuka dari pelanggan atau alamat yang sama menjadi satu pengiriman.",
            zh="将同一客户或同一地址的未发货订单合并为一个包裹。",
        ),
        default=False,
    ),
    *MERGING,
    CONFIRM_FIRST,
)

MAY = (
    Text("Read products and stock", "Membaca produk dan stok", "读取商品和库存"),
    Text("Read new orders", "Membaca pesanan baru", "读取新订单"),
    Text("Send stock, if export is on", "Mengirim stok, jika ekspor nyala", "在导出启用时发送库存"),
    Text("Mark orders as shipped", "Menandai pesanan sudah dikirim", "将订单标记为已发货"),
)
MAY_NOT = (
    Text("See your JD.ID password", "Melihat kata sandi JD.ID Anda", "查看您的京东印尼密码"),
    Text("Draw the shop's balance", "Menarik saldo toko", "提取店铺余额"),
)
