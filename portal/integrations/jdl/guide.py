"""The guide before JD Logistics' form, and the message with which a merchant asks JD for the codes."""

from portal.contract.definition import Step
from portal.contract.words import Text

GUIDE = (
    Step(
        title=Text(
            "Have a contract with JD Logistics",
            "Punya kontrak dengan JD Logistics",
            "与京东物流签订合同",
        ),
        text=Text(
            en="JD enables your account for the warehouse first. Only then does it accept calls.",
            id="JD mengaktifkan akun Anda untuk gudang lebih dulu. Baru setelah itu JD menerima panggilan.",
            zh="京东需先为您的账号开通仓库，之后才接受接口调用。",
        ),
    ),
    Step(
        title=Text(
            "Get seven codes from your JD contact",
            "Minta tujuh kode dari kontak JD Anda",
            "向京东对接人索取七个编码",
        ),
        text=Text(
            en="Send the ready message. Enter the codes exactly as JD writes them: JD compares every sign.",
            id="Kirim pesan siap pakai. Isi kode persis seperti tulisan JD: setiap tanda dibandingkan.",
            zh="发送现成的消息。编码请与京东所写完全一致，京东会逐字核对。",
        ),
    ),
    Step(
        title=Text("Give JD the callback address", "Berikan alamat callback kepada JD", "把回调地址提供给京东"),
        text=Text(
            en="JD registers it, and leads back to it after you have allowed access.",
            id="JD mendaftarkannya, dan mengarahkan kembali ke sana setelah Anda memberi izin.",
            zh="京东登记该地址，您授权后会跳转回来。",
        ),
        copies="callback_url",
    ),
)

LETTER = Text(
    en="""Subject: API codes for our JD Logistics warehouse

Hello,

we connect our order system with your warehouse through the JDL open platform (international fulfilment). \
Could you send us these seven codes, exactly as they stand in your system?

1. Customer Code (customerCode)
2. Operator Code (operatorAccount)
3. Source System Code (systemCode)
4. Cargo Owner ID (cargoOwnerCode)
5. Warehouse Code (warehouseCode)
6. Sales Channel Code (scCode)
7. Customer Dept Code (customerDeptCode)

Could you also register two addresses for us?

Callback after authorisation: {callback}
Messages on orders, stock and deliveries: {hook}

Thank you and kind regards""",
    id="""Perihal: kode API untuk gudang JD Logistics kami

Halo,

kami menghubungkan sistem pesanan kami dengan gudang Anda lewat platform terbuka JDL (fulfilment internasional). \
Bisakah Anda mengirim tujuh kode berikut, persis seperti di sistem Anda?

1. Kode pelanggan: Customer Code (customerCode)
2. Kode operator: Operator Code (operatorAccount)
3. Kode sistem asal: Source System Code (systemCode)
4. ID pemilik barang: Cargo Owner ID (cargoOwnerCode)
5. Kode gudang: Warehouse Code (warehouseCode)
6. Kode saluran penjualan: Sales Channel Code (scCode)
7. Kode departemen: Customer Dept Code (customerDeptCode)

Bisakah Anda juga mendaftarkan dua alamat untuk kami?

Callback setelah otorisasi: {callback}
Pesan tentang pesanan, stok, dan barang masuk: {hook}

Terima kasih dan salam""",
    zh="""主题：京东物流仓库的接口编码

您好，

我们通过京东物流开放平台（国际仓配）将订单系统与贵方仓库对接。请按贵方系统中的原样提供以下七个编码：

1. 客户编码 Customer Code (customerCode)
2. 操作人编码 Operator Code (operatorAccount)
3. 来源系统编码 Source System Code (systemCode)
4. 货主编号 Cargo Owner ID (cargoOwnerCode)
5. 仓库编码 Warehouse Code (warehouseCode)
6. 销售渠道编码 Sales Channel Code (scCode)
7. 客户部门编码 Customer Dept Code (customerDeptCode)

另请为我们登记两个地址：

授权后的回调地址：{callback}
订单、库存和入库消息的推送地址：{hook}

谢谢，顺祝商祺""",
)
