"""Uploaded pictures: decoded in a throw-away process, kept only as a PNG made anew from the pixels."""

import subprocess
import sys

LARGEST_UPLOAD = 512 * 1024
LARGEST_PIXELS = 4_000_000
EDGE = 512
SECONDS = 5

# Runs alone with an empty environment.  The limits come first: whatever the decoder does then ends with the child.
CHILD = f"""
import io, resource, sys, warnings
resource.setrlimit(resource.RLIMIT_AS, (512 * 1024 * 1024, 512 * 1024 * 1024))
resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
warnings.simplefilter("error")
from PIL import Image
Image.MAX_IMAGE_PIXELS = {LARGEST_PIXELS}
found = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=("PNG", "JPEG", "WEBP"))
if found.width * found.height > {LARGEST_PIXELS}:
    sys.exit(3)
found.load()
pixels = found.convert("RGBA")
pixels.thumbnail(({EDGE}, {EDGE}))
plain = Image.new("RGBA", pixels.size)
plain.paste(pixels)
out = io.BytesIO()
plain.save(out, "PNG", optimize=True)
sys.stdout.buffer.write(out.getvalue())
"""


class NotAPicture(ValueError):
    """The bytes are no PNG, JPEG or WebP that can be decoded safely."""


def redrawn(upload: bytes) -> bytes:
    """A PNG of at most 512 × 512 pixels without any metadata.  Raises NotAPicture."""
    if not upload or len(upload) > LARGEST_UPLOAD:
        raise NotAPicture("size")
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-c", CHILD], input=upload, capture_output=True, timeout=SECONDS, env={}, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotAPicture("time") from None
    if child.returncode != 0 or not child.stdout.startswith(b"\x89PNG\r\n\x1a\n"):
        raise NotAPicture("bytes")
    return child.stdout
