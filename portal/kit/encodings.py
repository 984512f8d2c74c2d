"""In which letters a file is written, and texts that were read in the wrong ones."""

import codecs
import re
from collections.abc import Iterable

UTF8, UTF8_MARKED, UTF16_LITTLE, UTF16_BIG = "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"
CHINESE, WESTERN = "gb18030", "cp1252"

# What a file begins with when it says in which letters it is written.
MARKS = {
    codecs.BOM_UTF8: UTF8_MARKED,
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# In UTF-16 every second byte of ordinary text is zero; in no other encoding is there any.
ZEROS = 0.3
# Of real Chinese text almost every character is among the 7,445 of the first national table; Western text that is read
# as Chinese gives rare ones.
COMMON = 0.7

# How the bytes of UTF-8 look where they were read as Windows-1252, in which five bytes have no character of their own.
SLOPPY = {byte: chr(byte) for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
TO_BYTES = {bytes([byte]).decode(WESTERN): byte for byte in range(0x80, 0x100) if byte not in SLOPPY} | {
    character: byte for byte, character in SLOPPY.items()
}
FOLLOWS = "[" + "".join(re.escape(each) for each, byte in TO_BYTES.items() if byte < 0xC0) + "]"
LOOKS_WESTERN = re.compile("[\u00c2-\u00f4]" + FOLLOWS)
# Two characters of three bytes side by side, whole or with a byte lost on the way.
LOOKS_BROKEN = re.compile("[\u00e2-\u00ef]" + FOLLOWS + "{1,2}[\u00e2-\u00ef]" + FOLLOWS)
# Scripts that UTF-8 writes in three bytes: a repair of text read as Chinese must lead to these and nothing else.
THREE_BYTES = re.compile("[\u0800-\uffef]")


class Detector:
    """Finds the encoding of a file that is shown to it piece by piece; keeps none of it."""

    def __init__(self) -> None:
        self._first = b""
        self._size = self._even = self._odd = 0
        self._decoders = {name: codecs.getincrementaldecoder(name)() for name in (UTF8, CHINESE, WESTERN)}
        self._foreign = self._common = 0

    def feed(self, piece: bytes) -> None:
        """The next piece."""
        if len(self._first) < 4:
            self._first = (self._first + piece[:4])[:4]
        start = self._size % 2
        self._even += piece[start::2].count(0)
        self._odd += piece[1 - start :: 2].count(0)
        self._size += len(piece)
        for name in list(self._decoders):
            self._try(name, piece)

    def _try(self, name: str, piece: bytes, *, final: bool = False) -> None:
        try:
            text = self._decoders[name].decode(piece, final)
        except UnicodeDecodeError:
            del self._decoders[name]
            return
        if name == CHINESE and not text.isascii():
            plain = len(text.encode("ascii", "ignore"))
            self._foreign += len(text) - plain
            self._common += len(text.encode("gb2312", "ignore").decode("gb2312")) - plain

    def found(self) -> str | None:
        """The name of the encoding as Python calls it; None where it is none that is known here."""
        for mark, name in MARKS.items():
            if self._first.startswith(mark):
                return name
        if self._size and (self._even + self._odd) > self._size * ZEROS:
            return UTF16_BIG if self._even > self._odd else UTF16_LITTLE
        for name in list(self._decoders):
            self._try(name, b"", final=True)
        if UTF8 in self._decoders:
            return UTF8
        if CHINESE in self._decoders and self._common >= self._foreign * COMMON:
            return CHINESE
        return WESTERN if WESTERN in self._decoders else CHINESE if CHINESE in self._decoders else None


def detect(pieces: Iterable[bytes]) -> str | None:
    """The encoding of a file that is given in pieces, None where it is none that is known here."""
    detector = Detector()
    for piece in pieces:
        detector.feed(piece)
    return detector.found()


def repaired(text: str) -> str | None:
    """The text as it was before somebody read its UTF-8 as Windows-1252 or as Chinese; None where nothing was mixed up.

    "ä¿æ¸©æ¯" is "保温杯", and "CafÃ©" is "Café".  Only what can be repaired without a doubt is.
    """
    if text.isascii():
        return None
    return _from_western(text) or _from_chinese(text)


def garbled(text: str) -> bool:
    """Whether characters were lost: the text holds their replacement, or looks mixed up and cannot be repaired."""
    if text.isascii():
        return False
    return "\ufffd" in text or (LOOKS_BROKEN.search(text) is not None and repaired(text) is None)


def _from_western(text: str) -> str | None:
    if not LOOKS_WESTERN.search(text):
        return None
    try:
        original = bytes(TO_BYTES.get(each, ord(each)) for each in text).decode(UTF8)
    except ValueError:  # A character above the first 256, or bytes that are no UTF-8.
        return None
    return original if original.isprintable() else None


def _from_chinese(text: str) -> str | None:
    try:
        original = text.encode(CHINESE).decode(UTF8)
    except UnicodeError:
        return None
    foreign = [each for each in original if each > "\x7f"]
    if not foreign or not original.isprintable() or not all(THREE_BYTES.match(each) for each in foreign):
        return None
    return original
