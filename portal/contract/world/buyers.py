"""Buyers that were evidently never born: names, phones and addresses by the words of a language, always the same."""

from dataclasses import dataclass, field

from portal.contract.goods import draw

_FAMILIES = ("示例", "样本", "测试", "虚构")
_GIVEN = ("甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸")
_CHINESE = (("示例省", "示例市", "示例区", "示例路"), ("样本省", "样本市", "样本区", "样本街"))
_JAVANESE_NAMES = ("Contoh", "Rekaan", "Khayal", "Misal")
_JAVANESE_GIVEN = ("Satu", "Dua", "Tiga", "Empat", "Lima", "Enam", "Tujuh", "Delapan")
_JAVANESE = (
    ("Provinsi Contoh", "Kota Contoh", "Kecamatan Contoh", "Jalan Contoh"),
    ("Provinsi Misal", "Kabupaten Misal", "Kecamatan Misal", "Jalan Misal"),
)
_ENGLISH_NAMES = ("Sample", "Example", "Placeholder", "Invented")
_ENGLISH_GIVEN = ("Ada", "Bea", "Cal", "Dot", "Eli", "Fay", "Gus", "Hal")
_ENGLISH = (("Example State", "Exampleton", "Sample Quarter", "Example Road"),)
# One in so many buyers writes in another language than the shop's.
_OTHERS = 8


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whom an order goes to.  `account` is the remote's word for the person, the same in every order of one."""

    account: str
    name: str = field(repr=False)
    phone: str = field(repr=False)
    email: str = field(repr=False)
    province: str
    city: str
    district: str
    street: str = field(repr=False)
    postcode: str
    country: str
    language: str


def buyer(seed: str, number: int, language: str) -> Buyer:
    """The buyer of that number, in the shop's language ("zh", "id") or now and then in English."""
    roll = draw("buyer", seed, number)
    spoken = "en" if roll % _OTHERS == 0 else language
    names, given, places = {
        "zh": (_FAMILIES, _GIVEN, _CHINESE),
        "id": (_JAVANESE_NAMES, _JAVANESE_GIVEN, _JAVANESE),
    }.get(spoken, (_ENGLISH_NAMES, _ENGLISH_GIVEN, _ENGLISH))
    family, first = names[(roll >> 8) % len(names)], given[(roll >> 16) % len(given)]
    province, city, district, road = places[(roll >> 24) % len(places)]
    house = 1 + (roll >> 32) % 200
    street = {"zh": f"{road}{house}号{number}室", "id": f"{road} No. {house}/{number}"}.get(
        spoken, f"{house} {road}, Flat {number}"
    )
    return Buyer(
        account=f"buyer-{draw('account', seed, number):016x}",
        name=f"{family}{first}" if spoken == "zh" else f"{first} {family}",
        # No network gives out a number that begins so.
        phone=f"{'000' if language == 'zh' else '0800000'}{draw('phone', seed, number) % 100_000_000:08d}",
        email=f"buyer-{number}@buyer.example",
        province=province,
        city=city,
        district=district,
        street=street,
        postcode=f"{(roll >> 40) % 1000:05d}0" if language == "zh" else f"{(roll >> 40) % 1000:05d}",
        country="CN" if language == "zh" else "ID",
        language=spoken,
    )
