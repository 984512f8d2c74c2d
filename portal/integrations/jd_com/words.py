"""What the screens say about JD.com, in the order and with the names of JD.com's own sheet."""

from portal.contract.definition import Entry, Option, Setting, Step
from portal.contract.order_options import CONFIRM_FIRST, MERGING
from portal.contract.words import Text
from portal.integrations.jd_com.client import LIVE, PRE_RELEASE

SUMMARY = Text(
    en="Marketplace in China, and JD Worldwide for sellers abroad. Products, stock and orders.",
    id="Marketplace di Tiongkok, dan JD Worldwide untuk penjual luar negeri. Produk, stok, dan pesanan.",
    zh="中国的电商平台，海外卖家使用京东国际。商品、库存和订单。",
)

SETTINGS = (
    Setting(
        key="api_key",
        label=Text("API Key", "Kunci API (API Key)", "接口密钥 (API Key)"),
        help=Text(
            en="From the JD developer portal. JD also calls it AppKey.",
            id="Dari portal pengembang JD. JD juga menyebutnya AppKey.",
            zh="来自京东开放平台，也叫 AppKey。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="api_secret",
        label=Text("API Secret", "Rahasia API (API Secret)", "接口秘钥 (API Secret)"),
        help=Text(
            en="Belongs to the API Key. If the app is published again, the secret is new.",
            id="Satu pasang dengan API Key. Jika aplikasi dipublikasikan ulang, Secret-nya baru.",
            zh="与 API Key 配对。应用重新发布后，Secret 会更新。",
        ),
        entry=Entry.SECRET,
    ),
    Setting(
        key="app_id",
        label=Text("App ID", "ID aplikasi (App ID)", "应用编号 (App ID)"),
        help=Text(
            en="The number under which your app is registered. JD's support asks for it; it is not sent with calls.",
            id="Nomor pendaftaran aplikasi Anda. Diminta oleh dukungan JD; tidak dikirim saat memanggil API.",
            zh="您的应用的注册编号。京东客服会问到；调用接口时不发送。",
        ),
        entry=Entry.CODE,
    ),
    Setting(
        key="access_token",
        label=Text("Access Token", "Token akses (Access Token)", "访问令牌 (Access Token)"),
        help=Text(
            en="The key to your own shop. It ends after a time; then type the new one here.",
            id="Kunci ke toko Anda sendiri. Ada masa berlakunya; setelah itu isi yang baru di sini.",
            zh="进入您店铺的钥匙。到期后请在此填写新的令牌。",
        ),
        entry=Entry.SECRET,
    ),
    Setting(
        key="api_endpoint",
        label=Text("API Endpoint", "Alamat API (API Endpoint)", "接口地址 (API Endpoint)"),
        help=Text(
            en="Leave it as it is unless JD gave you another address.",
            id="Biarkan seperti ini, kecuali JD memberi Anda alamat lain.",
            zh="除非京东给了您其他地址，否则请保持不变。",
        ),
        entry=Entry.ADDRESS,
        choices={
            LIVE: Text("JD.com gateway", "Gateway JD.com", "京东网关"),
            PRE_RELEASE: Text(
                "Pre-release gateway, by arrangement with JD",
                "Gateway pra-rilis, atas kesepakatan dengan JD",
                "预发网关，需与京东约定",
            ),
        },
        default=LIVE,
    ),
)

OPTIONS = (
    Option(
        key="import_products",
        label=Text("Sync Inventory", "Sinkron katalog", "同步商品"),
        help=Text(
            en="Copies your JD.com product list here. Nothing at JD.com changes.",
            id="Menyalin daftar produk JD.com Anda ke sini. Di JD.com tidak ada yang berubah.",
            zh="将您的京东商品列表复制到这里。京东那边不会有任何变化。",
        ),
        default=True,
    ),
    Option(
        key="export",
        label=Text("Sync Stock Levels", "Sinkron jumlah stok", "同步库存数量"),
        help=Text(
            en="Sends stock to JD.com whenever it changes here.",
            id="Mengirim stok ke JD.com setiap kali berubah di sini.",
            zh="这里的库存一有变化就发送到京东。",
        ),
        default=False,
    ),
    Option(
        key="export_prices",
        label=Text("Sync Prices", "Sinkron harga", "同步价格"),
        help=Text(
            en="Sends the price of a product to its JD.com listings whenever it changes here.",
            id="Mengirim harga produk ke daftar jualannya di JD.com setiap kali berubah di sini.",
            zh="这里的商品价格一有变化就发送到对应的京东商品。",
        ),
        default=False,
    ),
    Option(
        key="use_channel_names",
        label=Text("Use Channel Names", "Pakai nama dari saluran", "使用渠道商品名"),
        help=Text(
            en="Orders show the title that the buyer saw on JD.com, not your own product name.",
            id="Pesanan menampilkan judul yang dilihat pembeli di JD.com, bukan nama produk Anda sendiri.",
            zh="订单显示买家在京东看到的标题，而不是您自己的商品名。",
        ),
        default=False,
    ),
    Option(
        key="max_level",
        label=Text("Max Stock Levels", "Stok maksimum", "最大库存显示"),
        help=Text(
            en="JD.com never shows more than this. Empty means no maximum; 0 shows nothing.",
            id="JD.com tidak pernah menampilkan lebih dari ini. Kosong berarti tanpa batas; 0 berarti tidak tampil.",
            zh="京东显示的数量不会超过此值。留空表示不限；0 表示不显示库存。",
        ),
        entry=Entry.NUMBER,
        needs="export",
    ),
    Option(
        key="buffer",
        label=Text("Stock Buffer", "Stok cadangan", "库存缓冲"),
        help=Text(
            en="Kept back from each SKU so that you do not oversell.",
            id="Ditahan dari setiap SKU supaya Anda tidak menjual melebihi stok.",
            zh="每个 SKU 预留的数量，避免超卖。",
        ),
        entry=Entry.NUMBER,
        needs="export",
    ),
    Option(
        key="auto_merge",
        label=Text("Auto Merge Orders", "Gabung pesanan otomatis", "自动合并订单"),
        help=Text(
            en="Joins open orders of the same customer, or to the same address, into one shipment.",
            id="Menggabungkan pesanan terbuka dari pelanggan atau alamat yang sama menjadi satu pengiriman.",
            zh="将同一客户或同一地址的未发货订单合并为一个包裹。",
        ),
        default=False,
    ),
    *MERGING,
    Option(
        key="import_orders_from",
        label=Text("Order Importing Type", "Mulai impor pesanan", "订单导入方式"),
        help=Text(
            en="Earlier orders stay at JD.com.",
            id="Pesanan sebelumnya tetap di JD.com.",
            zh="更早的订单留在京东。",
        ),
        entry=Entry.MOMENT,
        choices={
            "on": Text("From when you turn the channel on", "Sejak saluran dinyalakan", "从启用渠道时开始"),
            "moment": Text("From a date and time", "Sejak tanggal dan jam tertentu", "从指定日期和时间开始"),
        },
    ),
    CONFIRM_FIRST,
)

GUIDE = (
    Step(
        title=Text(
            "Register and verify your JD seller account",
            "Daftar dan verifikasi akun penjual JD Anda",
            "注册并认证京东商家账号",
        ),
        text=Text(
            en="Apply as a third-party seller at JD or JD Worldwide and complete the identity check.",
            id="Ajukan diri sebagai penjual pihak ketiga di JD atau JD Worldwide dan selesaikan pemeriksaan identitas.",
            zh="在京东或京东国际申请成为第三方商家，并完成身份认证。",
        ),
        link="https://www.jd.hk",
    ),
    Step(
        title=Text("Request API access", "Minta akses API", "申请接口权限"),
        text=Text(
            en="JD's account manager gives you five values: API Key, API Secret, App ID, Access Token, API Endpoint.",
            id="Manajer akun JD memberi lima nilai: API Key, API Secret, App ID, Access Token, API Endpoint.",
            zh="京东客户经理会提供五项：API Key、API Secret、App ID、Access Token、API Endpoint。",
        ),
    ),
)

NAME = "JD.com"
SEARCH_WORDS = ("jingdong", "京东", "jd worldwide", "京东国际", "jd.hk")
