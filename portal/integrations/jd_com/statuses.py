"""JD.com's words for how far an order is, what they mean, and how they are told."""

from collections.abc import Mapping

from portal.contract.records import OrderStatus
from portal.contract.words import Text

# An order that waits for its payment stands in a list of its own, whose rows name no state.
NOT_PAID = "NOT_PAY"
# The order has left and waits for the buyer.
LEFT = "WAIT_GOODS_RECEIVE_CONFIRM"
DONE = "FINISHED_L"

# JD.com gateway, states of an order.  The last four belong to kinds of trade in which the seller sends no parcel to the
# buyer: local services, and goods that go through JD's own distribution centres.
STATUSES: Mapping[str, OrderStatus] = {
    NOT_PAID: OrderStatus.UNPAID,
    "WAIT_SELLER_STOCK_OUT": OrderStatus.TO_SHIP,
    "WAIT_SELLER_DELIVERY": OrderStatus.TO_SHIP,
    LEFT: OrderStatus.SHIPPED,
    DONE: OrderStatus.COMPLETED,
    "TRADE_CANCELED": OrderStatus.CANCELLED,
    "LOCKED": OrderStatus.ON_HOLD,
    "PAUSE": OrderStatus.ON_HOLD,
    "POP_ORDER_PAUSE": OrderStatus.ON_HOLD,
    "WAIT_SEND_CODE": OrderStatus.UNFULFILLABLE,
    "SEND_TO_DISTRIBUTION_CENER": OrderStatus.UNFULFILLABLE,
    "DISTRIBUTION_CENTER_RECEIVED": OrderStatus.UNFULFILLABLE,
    "RECEIPTS_CONFIRM": OrderStatus.UNFULFILLABLE,
}
# A search names the states that it wants; all but the one that has its own list.
SEARCHED = tuple(word for word in STATUSES if word != NOT_PAID)

STATUS_TEXTS: Mapping[str, Text] = {
    NOT_PAID: Text("Waiting for payment", "Menunggu pembayaran", "等待付款"),
    "WAIT_SELLER_STOCK_OUT": Text("Paid, to be shipped", "Sudah dibayar, perlu dikirim", "已付款，等待出库"),
    "WAIT_SELLER_DELIVERY": Text(
        "In China, waiting for dispatch", "Di Tiongkok, menunggu pengiriman", "已到中国，等待发货"
    ),
    LEFT: Text("Shipped, not yet received", "Sudah dikirim, belum diterima", "已发货，等待确认收货"),
    DONE: Text("Completed", "Selesai", "已完成"),
    "TRADE_CANCELED": Text("Cancelled", "Dibatalkan", "已取消"),
    "LOCKED": Text(
        "Locked: a cancellation or a check is under way",
        "Dikunci: pembatalan atau pemeriksaan sedang berjalan",
        "已锁定：正在取消或核查",
    ),
    "PAUSE": Text("Paused", "Dijeda", "已暂停"),
    "POP_ORDER_PAUSE": Text("Paused by JD", "Dijeda oleh JD", "被京东暂停"),
    "WAIT_SEND_CODE": Text(
        "Local service, the code has to be sent", "Layanan lokal, kode perlu dikirim", "本地生活订单，等待发码"
    ),
    "SEND_TO_DISTRIBUTION_CENER": Text(
        "On its way to JD's distribution centre", "Menuju pusat distribusi JD", "已发往京东配送中心"
    ),
    "DISTRIBUTION_CENTER_RECEIVED": Text(
        "Received at JD's distribution centre", "Diterima di pusat distribusi JD", "京东配送中心已收货"
    ),
    "RECEIPTS_CONFIRM": Text("Receipt to be confirmed", "Penerimaan perlu dikonfirmasi", "等待收款确认"),
}
