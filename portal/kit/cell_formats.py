"""Numbers and dates of a workbook as the text that their cell shows."""

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

GENERAL = 0
# A workbook keeps fifteen digits of a number; what stood behind them is zero.
DIGITS = 15
# The formats that a workbook names by number only; ECMA-376, part 1, 18.8.30.
DATES = {
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    45: "mm:ss",
    46: "h:mm:ss",
    47: "mm:ss",
}
LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
TOKEN = re.compile(f"{LITERAL.pattern}|(?i:yyyy|yy|mmmm|mmm|mm|m|dddd|ddd|dd|d|hh|h|ss|s|am/pm)")
ZEROS = re.compile(r'^[0"\\ \-]*0[0"\\ \-]*$')
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
# The day before day 1 of a workbook, shifted by the leap day of 1900 that never was.
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a day on a sheet has no zone.
LAST_DAY = 2_958_466


def shown(raw: str, style: str | int) -> tuple[str, str]:
    """The text that a cell with this number and format shows, and a note where it may not be what was typed.

    Raises ValueError where the number is none.
    """
    try:
        value = Decimal(raw)
    except InvalidOperation:
        raise ValueError(raw) from None
    if not value.is_finite():
        raise ValueError(raw)
    if pattern := _date_pattern(style):
        return _date(value, pattern), "date"
    code = style if isinstance(style, str) else ""
    if ZEROS.match(code):
        return _filled(value, code), "number"
    text = _plain(value)
    return text, "digits" if len(text.strip("-0.").replace(".", "")) >= DIGITS else "number"


def _plain(value: Decimal) -> str:
    """The number with all its digits: 1.0E+12 is 1000000000000, and 12.0 is 12."""
    if not -30 < value.adjusted() < 30:
        return str(value)
    rounded = round(value, DIGITS - 1 - value.adjusted()) if value else value
    text = format(rounded, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _filled(value: Decimal, code: str) -> str:
    """A number in a format of zeros: 12 under 0000 shows 0012, and under 00-00 it shows 00-12."""
    digits = str(abs(round(value)))
    places = code.count("0")
    digits, out = digits.zfill(places), []
    extra = len(digits) - places
    for sign in code.replace('"', "").replace("\\", ""):
        if sign != "0":
            out.append(sign)
            continue
        taken, digits = digits[: extra + 1], digits[extra + 1 :]
        out.append(taken)
        extra = 0
    return ("-" if value < 0 else "") + "".join(out)


def _date_pattern(style: str | int) -> str:
    """The pattern of a format of dates or times, "" for any other format."""
    if isinstance(style, int):
        return DATES.get(style, "")
    first = LITERAL.sub("", style.partition(";")[0])
    return style.partition(";")[0] if re.search(r"(?i)[ymdhs]", first.replace("General", "")) else ""


def _date(value: Decimal, pattern: str) -> str:
    if not 0 <= value < LAST_DAY:
        return _plain(value)
    moment = EPOCH + timedelta(days=float(value))
    moment = (moment + timedelta(milliseconds=500)).replace(microsecond=0)
    parts = [found[0].lower() for found in TOKEN.finditer(pattern) if not LITERAL.fullmatch(found[0])]
    told: list[str] = []
    for place, part in enumerate(parts):
        before = parts[place - 1] if place else ""
        after = parts[place + 1] if place + 1 < len(parts) else ""
        told.append(_part(moment, part, "am/pm" in parts, is_minute=before[:1] == "h" or after[:1] == "s"))
    each = iter(told)
    return TOKEN.sub(lambda found: _literal(found[0]) if LITERAL.fullmatch(found[0]) else next(each), pattern)


def _literal(written: str) -> str:
    return written[1:].rstrip('"') if written[0] in '"\\' else ""


def _part(moment: datetime, part: str, halves: bool, *, is_minute: bool) -> str:
    hour = (moment.hour % 12 or 12) if halves else moment.hour
    month = moment.minute if is_minute else moment.month
    return {
        "yyyy": f"{moment.year:04d}",
        "yy": f"{moment.year % 100:02d}",
        "mmmm": MONTHS[moment.month - 1],
        "mmm": MONTHS[moment.month - 1],
        "mm": f"{month:02d}",
        "m": f"{month}",
        "dddd": DAYS[moment.weekday()],
        "ddd": DAYS[moment.weekday()],
        "dd": f"{moment.day:02d}",
        "d": f"{moment.day}",
        "hh": f"{hour:02d}",
        "h": f"{hour}",
        "ss": f"{moment.second:02d}",
        "s": f"{moment.second}",
        "am/pm": "AM" if moment.hour < 12 else "PM",
    }[part]
