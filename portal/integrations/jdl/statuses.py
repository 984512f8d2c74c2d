"""JD Logistics' words for the way of an order, and what they mean for us.

The international service's own list is not established; these numbers are those of JD's domestic warehouses, which do
the same work.  A merchant may correct the table for one connection.  A number that is not in it changes nothing.
"""

from collections.abc import Mapping

from portal.contract.records import ShipmentStatus
from portal.contract.words import Text

# A parcel can have its tracking number long before it leaves, so only 10020 counts as dispatched.
STATUSES: Mapping[str, ShipmentStatus] = {
    "10010": ShipmentStatus.SENT,
    "10014": ShipmentStatus.PROCESSING,
    "10015": ShipmentStatus.PROCESSING,
    "10016": ShipmentStatus.PROCESSING,
    "10017": ShipmentStatus.PROCESSING,
    "10018": ShipmentStatus.PACKED,
    "10019": ShipmentStatus.PACKED,
    "10020": ShipmentStatus.DISPATCHED,
    "10034": ShipmentStatus.DELIVERED,
    "10035": ShipmentStatus.DELIVERY_FAILED,
    "10038": ShipmentStatus.RETURNED,
    "10027": ShipmentStatus.CANCELLING,
    "10028": ShipmentStatus.CANCELLED,
    "10029": ShipmentStatus.KEEP,
    "10051": ShipmentStatus.ON_HOLD,
}

STATUS_TEXTS: Mapping[str, Text] = {
    "10010": Text("created", "dibuat", "已创建"),
    "10014": Text("accepted by the warehouse", "diterima gudang", "仓库已接单"),
    "10015": Text("task assigned", "tugas dibagikan", "任务已分配"),
    "10016": Text("picking", "sedang diambil", "拣货中"),
    "10017": Text("checked", "sudah diperiksa", "复核完成"),
    "10018": Text("packed", "sudah dikemas", "打包完成"),
    "10019": Text("handed over inside the warehouse", "serah terima di gudang", "仓内交接完成"),
    "10020": Text("left the warehouse", "keluar dari gudang", "已出库"),
    "10034": Text("delivered", "sudah diterima", "妥投"),
    "10035": Text("refused by the recipient", "ditolak penerima", "收件人拒收"),
    "10038": Text("return finished", "retur selesai", "退货完成"),
    "10027": Text("cancelling", "sedang dibatalkan", "取消中"),
    "10028": Text("cancelled", "dibatalkan", "已取消"),
    "10029": Text("not cancelled", "gagal dibatalkan", "取消失败"),
    "10051": Text("exception: short or damaged", "masalah: kurang atau rusak", "异常：短缺或破损"),
    "10": Text("announced", "diumumkan", "新建"),
    "20": Text("sent to the warehouse", "dikirim ke gudang", "已下发仓库"),
    "40": Text("arrived", "tiba", "已到货"),
    "50": Text("receiving", "sedang diterima", "收货中"),
    "70": Text("received", "selesai diterima", "收货完成"),
    "90": Text("cancelling", "sedang dibatalkan", "取消中"),
    "91": Text("cancelled", "dibatalkan", "已取消"),
    "92": Text("not cancelled", "gagal dibatalkan", "取消失败"),
}
