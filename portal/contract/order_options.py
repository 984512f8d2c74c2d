"""Options of orders that every marketplace may offer, in the same words."""

from portal.contract.definition import Entry, Option
from portal.contract.words import Text

# What belongs to an option of the key `auto_merge`.
MERGING = (
    Option(
        key="merge_address",
        label=Text("Merge to the same address", "Gabung ke alamat yang sama", "合并同一地址"),
        help=Text(
            en="Also orders of different customers that go to one recipient at one address.",
            id="Juga pesanan pelanggan berbeda untuk satu penerima di satu alamat.",
            zh="也包括不同客户发往同一地址、同一收件人的订单。",
        ),
        default=True,
        needs="auto_merge",
    ),
    Option(
        key="merge_customer",
        label=Text("Merge for the same customer", "Gabung untuk pelanggan yang sama", "合并同一客户"),
        help=Text(
            en="Orders of one customer, as long as recipient and address are the same: a parcel has one address.",
            id="Pesanan satu pelanggan, asal penerima dan alamatnya sama: satu paket punya satu alamat.",
            zh="同一客户的订单，前提是收件人和地址相同：一个包裹只有一个地址。",
        ),
        default=True,
        needs="auto_merge",
    ),
    Option(
        key="merge_window",
        label=Text("Minutes to wait", "Menit menunggu", "等待分钟数"),
        help=Text(
            en="How long an order waits for others to join it. At most 1440; 0 sends at once.",
            id="Berapa lama pesanan menunggu pesanan lain. Paling lama 1440; 0 langsung dikirim.",
            zh="订单等待合并的时间。最多 1440；0 表示立即发送。",
        ),
        entry=Entry.NUMBER,
        default=30,
        needs="auto_merge",
    ),
)
CONFIRM_FIRST = Option(
    key="confirm_first",
    label=Text("Confirm orders first", "Konfirmasi pesanan dulu", "先确认订单"),
    help=Text(
        en="Each order waits until you confirm it; only then do the rules send it to a plugin.",
        id="Setiap pesanan menunggu konfirmasi Anda; baru setelah itu aturan mengirimnya ke plugin.",
        zh="每个订单等待您确认；确认后才按规则发送到插件。",
    ),
    default=False,
)
