"""What the screens say about JD Logistics, in the order and with the names that JD's own sheet of codes has."""

from portal.contract.definition import Entry, Option, Setting
from portal.contract.words import Text
from portal.integrations.jdl.client import CHINA, CHINA_SIGN_IN, GATEWAY, SIGN_IN, TRIAL, TRIAL_SIGN_IN

NAME = "JD Logistics"
SEARCH_WORDS = ("jd", "jdl", "jingdong logistics", "jd warehouse", "3pl", "京东物流", "京东云仓", "gudang jd")

SUMMARY = Text(
    en="JD's warehouses abroad. Products, stock, and what becomes of your orders there.",
    id="Gudang JD di luar negeri. Produk, stok, dan perjalanan pesanan Anda di sana.",
    zh="京东海外仓。商品、库存，以及订单在仓库的进展。",
)

MAY = (
    Text("Read your products and stock at JD", "Membaca produk dan stok Anda di JD", "读取您在京东仓库的商品和库存"),
    Text("Read how far JD is with your orders", "Membaca kemajuan pesanan Anda di JD", "读取订单在京东的进展"),
)
MAY_NOT = (
    Text(
        "Change your contract or your prices at JD",
        "Mengubah kontrak atau tarif Anda di JD",
        "更改您与京东的合同或费率",
    ),
)

SUBSCRIBING = Text(
    en="On JD's page, tick “Subscribe to messages”. Without the tick JD sends none, and we ask JD every 15 minutes.",
    id="Di halaman JD, centang “Berlangganan pesan”. Tanpa itu JD tidak mengirim apa pun; kami bertanya tiap 15 menit.",
    zh="请在京东页面勾选“订阅消息”。不勾选则京东不推送，我们每15分钟查询一次。",
)

TOPICS = {
    "outstock.status": Text("Order at the warehouse", "Pesanan di gudang", "出库单状态"),
    "stock.change": Text("Stock change", "Perubahan stok", "库存变动"),
    "instock.status": Text("Goods coming in", "Barang masuk", "入库单状态"),
    "trace": Text("Parcel on its way", "Paket di perjalanan", "包裹轨迹"),
}

SETTINGS = (
    Setting(
        key="customer_code",
        label=Text("Customer Code", "Kode pelanggan (Customer Code)", "客户编码 (Customer Code)"),
        help=Text(
            en="Stands for your business at JD.",
            id="Mewakili bisnis Anda di JD.",
            zh="代表您在京东的企业。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="operator_code",
        label=Text("Operator Code", "Kode operator (Operator Code)", "操作人编码 (Operator Code)"),
        help=Text(
            en="The JD unit or site that handles your orders.",
            id="Unit atau lokasi JD yang menangani pesanan Anda.",
            zh="处理您订单的京东运营单位或站点。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="source_system_code",
        label=Text("Source System Code", "Kode sistem asal (Source System Code)", "来源系统编码 (Source System Code)"),
        help=Text(
            en="Tells JD which system the orders come from. Leave ours unless JD gave you another.",
            id="Memberi tahu JD dari sistem mana pesanan datang. Biarkan kode kami, kecuali JD memberi yang lain.",
            zh="告诉京东订单来自哪个系统。除非京东给了其他编码，否则保留我们的。",
        ),
        entry=Entry.CODE,
        from_house="source_system",
    ),
    Setting(
        key="cargo_owner_id",
        label=Text("Cargo Owner ID", "ID pemilik barang (Cargo Owner ID)", "货主编号 (Cargo Owner ID)"),
        help=Text(
            en="Whose stock it is, where several owners share a warehouse.",
            id="Pemilik stok, jika satu gudang dipakai beberapa pemilik.",
            zh="多个货主共用仓库时，表明库存归谁所有。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="warehouse_code",
        label=Text("Warehouse Code", "Kode gudang (Warehouse Code)", "仓库编码 (Warehouse Code)"),
        help=Text(
            en="The JD site that keeps your stock. Each warehouse has a plugin of its own.",
            id="Lokasi JD yang menyimpan stok Anda. Setiap gudang punya plugin sendiri.",
            zh="存放您库存的京东仓库。每个仓库各用一个插件。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="sales_channel_code",
        label=Text("Sales Channel Code (scCode)", "Kode saluran penjualan (scCode)", "销售渠道编码 (scCode)"),
        help=Text(
            en="The sales channel that JD books orders and stock to, for example WEB.",
            id="Saluran penjualan tempat JD mencatat pesanan dan stok, misalnya WEB.",
            zh="京东记录订单和库存所用的销售渠道，例如 WEB。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="customer_dept_code",
        label=Text("Customer Dept Code", "Kode departemen (Customer Dept Code)", "客户部门编码 (Customer Dept Code)"),
        help=Text(
            en="Your department at JD, for reports, routing and bills.",
            id="Departemen Anda di JD, untuk laporan, perutean, dan tagihan.",
            zh="您在京东的部门，用于报表、分单和结算。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="gateway",
        label=Text("API gateway", "Gateway API", "接口网关"),
        help=Text(
            en="Leave it as it is unless JD gave you another address.",
            id="Biarkan seperti ini, kecuali JD memberi Anda alamat lain.",
            zh="除非京东给了您其他地址，否则请保持不变。",
        ),
        entry=Entry.ADDRESS,
        choices={
            GATEWAY: Text("International", "Internasional", "国际"),
            CHINA: Text("Mainland China", "Tiongkok Daratan", "中国大陆"),
            TRIAL: Text(
                "Trial, by arrangement with JD", "Uji coba, atas kesepakatan dengan JD", "预发环境，需与京东约定"
            ),
        },
        default=GATEWAY,
        advanced=True,
    ),
    Setting(
        key="sign_in_server",
        label=Text("Sign-in server", "Server masuk", "授权服务器"),
        help=Text(
            en="Belongs to the gateway: choose the same region for both.",
            id="Satu pasang dengan gateway: pilih wilayah yang sama untuk keduanya.",
            zh="与网关配套：两者请选择同一区域。",
        ),
        entry=Entry.ADDRESS,
        choices={
            SIGN_IN: Text("International", "Internasional", "国际"),
            CHINA_SIGN_IN: Text("Mainland China", "Tiongkok Daratan", "中国大陆"),
            TRIAL_SIGN_IN: Text(
                "Trial, by arrangement with JD", "Uji coba, atas kesepakatan dengan JD", "预发环境，需与京东约定"
            ),
        },
        default=SIGN_IN,
        advanced=True,
        use="oauth",
    ),
)

OPTIONS = (
    Option(
        key="import_products",
        label=Text("Download products", "Unduh produk", "下载商品"),
        help=Text(
            en="Copies the products that JD keeps for you here. Nothing at JD changes.",
            id="Menyalin produk Anda di JD ke sini. Di JD tidak ada yang berubah.",
            zh="将京东为您存放的商品复制到这里。京东那边不会有任何变化。",
        ),
        default=False,
    ),
    Option(
        key="sync_stock",
        label=Text("Auto sync stock", "Sinkron stok otomatis", "自动同步库存"),
        help=Text(
            en="Reads the stock of this warehouse every 30 minutes, and sooner when JD tells of a change.",
            id="Membaca stok gudang ini tiap 30 menit, dan lebih cepat jika JD memberi tahu ada perubahan.",
            zh="每30分钟读取一次该仓库的库存；京东通知变动时会更早读取。",
        ),
        default=False,
    ),
    Option(
        key="import_orders",
        label=Text("Order import", "Impor pesanan", "订单导入"),
        help=Text(
            en="Follows your orders at JD: how far they are, and their parcels.",
            id="Mengikuti pesanan Anda di JD: sudah sampai mana, dan paketnya.",
            zh="跟踪您在京东的订单：进展和包裹。",
        ),
        default=True,
    ),
)

CHECKS = {
    "codes": Text("Codes accepted", "Kode diterima", "编码已通过"),
    "access": Text("JD confirmed access", "JD mengonfirmasi akses", "京东已确认授权"),
    "warehouse": Text("Warehouse found", "Gudang ditemukan", "已找到仓库"),
}
