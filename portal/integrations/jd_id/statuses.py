"""JD.ID's numbers for the way of an order, and what they mean for us.

Four clients and handbooks of that time agree on them.  A merchant may correct the table for one connection.  A number
that is not in it changes nothing: a handbook speaks of an order that is to be sent once more, without its number.
"""

from collections.abc import Mapping

from portal.contract.records import OrderStatus
from portal.contract.words import Text

TO_SHIP = "1"
PRINTED = "7"
SHIPPED = "2"
COMPLETED = "6"
GONE = "-1"
"""An order that JD.ID does not have (any more)."""

STATUSES: Mapping[str, OrderStatus] = {
    TO_SHIP: OrderStatus.TO_SHIP,
    PRINTED: OrderStatus.READY_TO_SHIP,
    SHIPPED: OrderStatus.SHIPPED,
    "3": OrderStatus.ON_HOLD,
    "4": OrderStatus.DELIVERY_FAILED,
    "5": OrderStatus.CANCELLED,
    COMPLETED: OrderStatus.COMPLETED,
}

STATUS_TEXTS: Mapping[str, Text] = {
    TO_SHIP: Text("paid, waiting to be shipped", "dibayar, menunggu dikirim", "已付款，等待发货"),
    PRINTED: Text("label printed, ready to ship", "label dicetak, siap dikirim", "已打印面单，待发货"),
    SHIPPED: Text("shipped, on its way to the buyer", "dikirim, menuju pembeli", "已发货，等待收货"),
    "3": Text("cancellation waits for a decision", "pembatalan menunggu keputusan", "取消申请待处理"),
    "4": Text("delivery refused, to be confirmed", "pengiriman ditolak, menunggu konfirmasi", "拒收待确认"),
    "5": Text("cancelled", "dibatalkan", "已取消"),
    COMPLETED: Text("completed", "selesai", "已完成"),
}
