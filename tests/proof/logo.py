"""Whatever is uploaded as a logo, what is kept is a PNG of our own making, small and bare, or nothing.

Real pictures with something hidden in them, pictures that unpack to something huge, files of other kinds, and pictures
with random bytes changed go through the door that uploads go through.
"""

from __future__ import annotations

import io
import random
import struct
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, PngImagePlugin

from portal.kit import logo
from tests.proof import figure
from tests.proof.figure import Figure, say

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BARE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
HIDDEN = b"<script>alert('the hidden text of a proof')</script>"
NUMBER = {False: 200, True: 1_300}
# The child is ended after five seconds; on a busy machine the ending takes its time too.
LONGEST = logo.SECONDS + 3.0
AT_ONCE = 3
Door = Callable[[bytes], bytes]


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--n", type=int, help="files (200; long: 1,300)")
    given = ask.answered()
    found = Figure("logo")
    dice = random.Random(given.seed)
    files = list(_hostile(dice))
    samples = [data for name, data in files if name.startswith("picture")]
    number = given.n or NUMBER[given.long]
    files += [(f"mutated {n}", _mutated(dice.choice(samples), dice)) for n in range(number - len(files))]
    door = _kept_as_it_came if given.control else logo.redrawn
    with ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = list(threads.map(lambda each: _through(door, each[1]), files))
    counts: Counter[str] = Counter()
    slowest = 0.0
    for (name, _), (kept, fault, took) in zip(files, outcomes, strict=True):
        slowest = max(slowest, took)
        counts["kept" if kept is not None else "refused"] += 1
        found.must(not fault, f"{name}: {fault}")
        found.must(took < LONGEST, f"{name}: took {took:.1f} s")
        if kept is not None:
            why = _not_bare(kept)
            found.must(not why, f"{name}: what would be kept {why}")
    good = sum(
        kept is not None for (name, _), (kept, _, _) in zip(files, outcomes, strict=True) if name[:7] == "picture"
    )
    found.must(good == len(samples), f"all {len(samples)} honest pictures are kept, not only {good}")
    say(f"{dict(counts)}")
    return found.end(
        f"{len(files)} files: {counts['kept']} became bare PNGs of ours, {counts['refused']} were refused, "
        f"{len(found.broken)} came through otherwise; the slowest took {slowest:.1f} s"
    )


def _through(door: Door, data: bytes) -> tuple[bytes | None, str, float]:
    """What is kept, what went wrong that must not, and the seconds that it took."""
    began = time.monotonic()
    kept, fault = None, ""
    try:
        kept = door(data)
    except logo.NotAPicture:
        pass
    except Exception as why:  # Whatever else comes out of the door is what this is looking for.
        fault = f"{type(why).__name__}: {why}"
    return kept, fault, time.monotonic() - began


def _kept_as_it_came(data: bytes) -> bytes:
    """The known-bad variant: Pillow calls it a picture, so it is kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            Image.open(io.BytesIO(data)).verify()
        except Exception:
            raise logo.NotAPicture("bytes") from None
    return data


def _not_bare(data: bytes) -> str:
    """Why these bytes are no bare PNG of ours; empty where they are."""
    if not data.startswith(SIGNATURE):
        return "is no PNG"
    place, names = len(SIGNATURE), []
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        if data[place + 8 + length : place + 12 + length] != struct.pack(">I", zlib.crc32(name + body)):
            return f"has a broken chunk {name!r}"
        names.append(name)
        place += 12 + length
        if name == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
            if max(width, height) > logo.EDGE:
                return f"is {width} × {height} pixels"
        if name == b"IEND" and place != len(data):
            return f"has {len(data) - place} bytes behind its end"
    if strange := set(names) - BARE:
        return f"has chunks {strange}"
    return "still holds the hidden text" if HIDDEN in data else ""


# --- files ------------------------------------------------------------------------------------------------------------


def _hostile(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    yield from _pictures(dice)
    yield from _bombs()
    yield from _strangers()


def _drawn(dice: random.Random, mode: str = "RGB", size: tuple[int, int] = (96, 64)) -> Image.Image:
    return Image.frombytes("RGB", size, dice.randbytes(size[0] * size[1] * 3)).convert(mode)


def _saved(picture: Image.Image, kind: str, **more: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def _pictures(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    """Honest pictures; most of them carry something along."""
    exif = Image.Exif()
    exif[0x010E] = HIDDEN.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", HIDDEN.decode())
    text.add_text("Packed", HIDDEN.decode() * 50, zip=True)
    text.add(b"juNk", HIDDEN)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        picture = _drawn(dice, "L").convert("I").convert("I;16") if mode == "I;16" else _drawn(dice, mode)
        yield f"picture: PNG of mode {mode}", _saved(picture, "PNG", pnginfo=text)
    for mode in ("L", "RGB", "CMYK"):
        more = {"exif": exif, "comment": HIDDEN, "icc_profile": HIDDEN * 20}
        yield f"picture: JPEG of mode {mode}", _saved(_drawn(dice, mode), "JPEG", **more)
    yield "picture: progressive JPEG", _saved(_drawn(dice), "JPEG", progressive=True)
    for lossless in (True, False):
        yield (
            f"picture: WebP, lossless {lossless}",
            _saved(_drawn(dice), "WEBP", lossless=lossless, exif=exif, xmp=HIDDEN),
        )
    yield "picture: large", _saved(Image.new("RGB", (1900, 1900), "#123456"), "PNG")
    for size in ((1, 1), (1, 512), (512, 1), (2000, 1)):
        yield f"picture: {size}", _saved(_drawn(dice, size=size), "PNG")
    frames = [_drawn(dice) for _ in range(4)]
    yield "picture: animated PNG", _saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield "picture: animated WebP", _saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    for name, tail in (
        ("HTML", HIDDEN),
        ("ZIP", b"PK\x03\x04" + HIDDEN),
        ("PHP", b"<?php system($_GET[0]); ?>" + HIDDEN),
    ):
        yield f"picture: PNG with {name} behind it", _saved(_drawn(dice), "PNG") + tail
        yield f"picture: JPEG with {name} behind it", _saved(_drawn(dice), "JPEG") + tail


def _chunk(name: bytes, body: bytes, *, crc: int | None = None, length: int | None = None) -> bytes:
    right = zlib.crc32(name + body)
    return struct.pack(">I", len(body) if length is None else length) + name + body + struct.pack(">I", crc or right)


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IEND", b"")


def _bombs() -> Iterator[tuple[str, bytes]]:
    """Files that unpack to something huge, or say that they do."""
    for width, height in ((12_000, 12_000), (2_001, 2_000), (4_000_001, 1), (65_535, 65_535), (2**31 - 1, 2**31 - 1)):
        rows = zlib.compress(b"\0" * min(24_000_000, (width // 8 + 2) * height), 9)
        yield f"bomb: {width} × {height} of one bit", _png(width, height, _chunk(b"IDAT", rows), depth=1, colour=0)
    spaces = zlib.compress(b" " * 60_000_000, 9)
    pixel = _chunk(b"IDAT", zlib.compress(b"\0\0\0\0"))
    yield "bomb: zTXt", _png(1, 1, _chunk(b"zTXt", b"Comment\0\0" + spaces), pixel)
    yield "bomb: iTXt", _png(1, 1, _chunk(b"iTXt", b"Comment\0\1\0\0\0" + spaces), pixel)
    yield "bomb: iCCP", _png(1, 1, _chunk(b"iCCP", b"profile\0\0" + spaces), pixel)
    yield "bomb: IDAT longer than its pixels", _png(1, 1, _chunk(b"IDAT", spaces))
    yield "bomb: a hundred thousand chunks", _png(1, 1, *[_chunk(b"tEXt", b"a\0b")] * 30_000, pixel)
    # One frame after another over the same pixels, as many as fit.
    picture = _saved(Image.new("L", (1_000, 1_000)), "JPEG", progressive=True)
    scan = picture.rindex(b"\xff\xda")
    yield "bomb: JPEG of many scans", (picture[:-2] + picture[scan:-2] * 400)[: logo.LARGEST_UPLOAD - 2] + b"\xff\xd9"
    grown = bytearray(_saved(Image.new("RGB", (8, 8)), "JPEG"))
    at = grown.index(b"\xff\xc0") + 5
    grown[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    yield "bomb: JPEG that says 65,000 × 65,000", bytes(grown)


def _strangers() -> Iterator[tuple[str, bytes]]:
    """Files of other kinds, and broken ones."""
    small = Image.new("RGB", (8, 8))
    for kind in ("GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "JPEG2000", "PDF", "EPS"):
        try:
            yield f"stranger: {kind}", _saved(small, kind)
        except (OSError, KeyError):  # This build of Pillow cannot write it.
            continue
    yield "stranger: nothing", b""
    yield "stranger: one byte", b"\x89"
    yield "stranger: only a signature", SIGNATURE
    yield "stranger: too large", _saved(small, "PNG") + b"\0" * logo.LARGEST_UPLOAD
    yield "stranger: SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
    yield "stranger: HTML", b"<!doctype html>" + HIDDEN
    yield "stranger: HTML with a signature", SIGNATURE + HIDDEN
    yield "stranger: PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(%pipe%id) (r) file\n"
    yield "stranger: MVG", b"push graphic-context\nfill 'url(https://127.0.0.1/\"|id\")'\n"
    yield "stranger: XBM", b"#define a_width 8\n#define a_height 8\nstatic char a_bits[] = {0};"
    yield "stranger: gzip", zlib.compress(b"x" * 1000, wbits=31)
    yield "stranger: RIFF that is no WebP", b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 32
    yield "stranger: WebP of nothing", b"RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0"
    yield "stranger: random", random.Random(1).randbytes(4_000)
    whole = _saved(small, "PNG")
    yield "broken: cut PNG", whole[: len(whole) // 2]
    pixels = zlib.compress(b"\0" * 100)
    yield "broken: wrong check sum", _png(2, 2, _chunk(b"IDAT", pixels, crc=1))
    yield "broken: length beyond the end", _png(2, 2, _chunk(b"IDAT", pixels, length=2**31 - 1))
    yield "broken: no pixels", _png(2, 2)
    yield "broken: no size", _png(0, 0, _chunk(b"IDAT", pixels))


def _mutated(sample: bytes, dice: random.Random) -> bytes:
    """A picture with some bytes changed, taken away or put in."""
    data = bytearray(sample)
    for _ in range(dice.choice((1, 2, 5, 20))):
        # The headers are where decoders go wrong, so they are hit more often.
        place = dice.randrange(min(len(data), 64)) if dice.random() < 0.5 else dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[place] = dice.randrange(256)
            case 1:
                data[place] ^= 1 << dice.randrange(8)
            case 2:
                del data[place : place + dice.randrange(1, 9)]
            case _:
                data[place:place] = dice.choice((b"\xff" * 4, b"\0" * 4, dice.randbytes(4)))
    return bytes(data)


if __name__ == "__main__":
    figure.run(main)
