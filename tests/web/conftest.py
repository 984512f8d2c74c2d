"""What the tests of pages may ask for beyond the house: a sandbox, and the portal pointed at it."""

from tests.sandbox_server import sandbox, sandbox_process
from tests.web.sandboxed import linked

__all__ = ["linked", "sandbox", "sandbox_process"]
