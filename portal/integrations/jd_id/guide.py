"""The guide before JD.ID's form: two conditions to tick, then ten steps in its seller centre and developer console."""

from portal.contract.definition import Step
from portal.contract.words import Text, same

_SELLER_CENTRE = "https://seller.jd.id/"
_CONSOLE = "https://open-console.jd.id/"
_QUALIFIED = "https://www.jd.id/blog/segera-update-toko-Anda-jadi-qualified-untuk-keuntungan-berlipat_194.html"

GUIDE = (
    Step(
        title=Text("My shop is a Qualified Seller", "Toko saya sudah Qualified Seller", "我的店铺是 Qualified Seller"),
        text=Text(
            en="JD.ID opens its API to Qualified Sellers only. A Basic Seller upgrades the shop, or registers, first.",
            id="API JD.ID hanya untuk Qualified Seller. Basic Seller perlu menaikkan status toko atau mendaftar dulu.",
            zh="京东印尼只向 Qualified Seller 开放接口。Basic Seller 请先升级店铺或申请。",
        ),
        link=_QUALIFIED,
        confirm=True,
    ),
    Step(
        title=Text(
            "The same product has the same SKU code everywhere",
            "Produk yang sama memakai kode SKU yang sama di semua toko",
            "同一商品在各店铺使用相同的 SKU 编码",
        ),
        text=Text(
            en="Products are linked by their SKU code. One with another code comes in as a new product.",
            id="Produk ditautkan lewat kode SKU. Jika kodenya berbeda, produk itu masuk sebagai produk baru.",
            zh="商品按 SKU 编码关联。编码不同的会作为新商品导入。",
        ),
        confirm=True,
    ),
    Step(
        title=Text("Sign in to the seller centre", "Masuk ke Seller Center", "登录卖家中心"),
        text=Text(
            en="Use the email and password of your JD.ID shop.",
            id="Pakai email dan kata sandi toko JD.ID Anda.",
            zh="使用您的京东印尼店铺的邮箱和密码。",
        ),
        link=_SELLER_CENTRE,
    ),
    Step(
        title=Text("Sign in to the developer console", "Masuk ke dev console", "登录开发者控制台"),
        text=Text(
            en="With the same account. The API keys are made here.",
            id="Dengan akun yang sama. Kunci API dibuat di sini.",
            zh="使用同一账号。接口密钥在这里生成。",
        ),
        link=_CONSOLE,
    ),
    Step(
        title=same("Register"),
        text=Text(
            en="Tick the box, enter what you gave when you opened the shop, then choose Register.",
            id="Centang, isi data yang sama seperti saat buka toko, lalu pilih Register.",
            zh="勾选并填写开店时登记的资料，然后选择 Register。",
        ),
    ),
    Step(
        title=same("Create App"),
        text=Text(
            en="Choose Create App on the console's first page.",
            id="Pilih Create App di halaman awal console.",
            zh="在控制台首页选择 Create App。",
        ),
    ),
    Step(
        title=same("Seller to JD.ID"),
        text=Text(
            en="Open the list at Seller to JD.ID.",
            id="Buka dropdown pada Seller to JD.ID.",
            zh="展开 Seller to JD.ID 的下拉列表。",
        ),
    ),
    Step(
        title=same("Normal Standard API"),
        text=Text(
            en="Choose Create App at Normal Standard API.",
            id="Pilih Create App pada Normal Standard API.",
            zh="在 Normal Standard API 处选择 Create App。",
        ),
    ),
    Step(
        title=same("App Name"),
        text=Text(
            en="Enter the name of your JD.ID shop as App Name, then choose Create App.",
            id="Isi App Name dengan nama toko Anda di JD.ID, lalu pilih Create App.",
            zh="在 App Name 填写您的京东印尼店铺名称，然后选择 Create App。",
        ),
    ),
    Step(
        title=same("Publish App"),
        text=Text(
            en="Choose Publish App. An app that is not published has no access.",
            id="Pilih Publish App. Aplikasi yang belum dipublikasikan tidak punya akses.",
            zh="选择 Publish App。未发布的应用没有访问权限。",
        ),
    ),
    Step(
        title=same("App Management"),
        text=Text(
            en="Choose App Management. Your API Key and API Secret stand there.",
            id="Pilih App Management. API Key dan API Secret Anda ada di sana.",
            zh="选择 App Management，您的 API Key 和 API Secret 就在那里。",
        ),
    ),
    Step(
        title=same("App Setting"),
        text=Text(
            en="Choose App Setting and paste this address into Callback URL, exactly as it stands here.",
            id="Pilih App Setting dan tempel alamat ini pada Callback URL, persis seperti tertulis di sini.",
            zh="选择 App Setting，将此地址原样粘贴到 Callback URL。",
        ),
        copies="callback_url",
    ),
)
