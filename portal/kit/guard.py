"""Connections to the outside that can only reach what they may: the guard stands at the socket, not at the string."""

import functools
import ipaddress
import socket
import ssl
import threading
import time
import typing
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

HTTPS = 443
# The open internet of IPv6.  Outside of it lie forms that carry an address of IPv4 or of a local network inside.
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Inside of it two more that carry one.
SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
TEREDO = ipaddress.ip_network("2001::/32")
# Public by the tables of Python (of some versions, for the first), and yet the inside of a cloud or a tunnel.
INSIDE = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "168.63.129.16/32", "192.88.99.0/24")))

_time = threading.local()


class Blocked(httpcore.ConnectError):
    """The address is none that the house may speak to."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything this thread reads or writes in the block ends by then.

    A remote that drips one byte a second keeps every single read short; only a bound on the whole call ends it.
    """
    _time.ends = time.monotonic() + seconds
    try:
        yield
    finally:
        del _time.ends


def time_left(timeout: float | None) -> float | None:
    """The shorter of a timeout and what is left of the block's time.  Raises httpcore.ReadTimeout when it is over."""
    ends = getattr(_time, "ends", None)
    if ends is None:
        return timeout
    left: float = ends - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the total time for this call is over")
    return left if timeout is None else min(timeout, left)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, whichever way it is written."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip not in GLOBAL_UNICAST or ip in SIX_TO_FOUR or ip in TEREDO:
            return False
    elif any(ip in each for each in INSIDE):
        return False
    return ip.is_global and not ip.is_multicast


class _TimedStream(httpcore.NetworkStream):
    """A stream that looks at the clock of the whole call before each step."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, time_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, time_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, time_left(timeout)))

    def get_extra_info(self, info: str) -> typing.Any:
        return self._inner.get_extra_info(info)


class Guard(httpcore.NetworkBackend):
    """Connects only to public addresses on port 443, or to one of the named (host, port) pairs.

    A name is resolved once, every answer must be public, and the connection goes to the very address that was checked:
    a name that answers differently the second time gains nothing.
    """

    def __init__(self, named: Iterable[tuple[str, int]] = ()) -> None:
        self._named = frozenset(named)
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: typing.Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        at = host if (host, port) in self._named else _checked(host, port)
        return _TimedStream(self._inner.connect_tcp(at, port, time_left(timeout), local_address, socket_options))

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: typing.Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        raise Blocked("unix sockets are not for remotes")

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def _checked(host: str, port: int) -> str:
    if port != HTTPS:
        raise Blocked(f"port {port} is not allowed")
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as why:
        raise httpcore.ConnectError("the name does not resolve") from why
    found = {str(each[4][0]) for each in answers}
    if not found or not all(is_public(each) for each in found):
        raise Blocked("the name leads to an address that is not public")
    return min(found)


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than a call; a context serves any number of clients.
    return httpx.create_ssl_context(trust_env=False)


def guarded_client(named: Iterable[tuple[str, int]] = (), connections: int = 4) -> httpx.Client:
    """An HTTP client behind the guard: no redirects, no proxies from the environment, TLS verified."""
    transport = httpx.HTTPTransport(verify=_tls(), trust_env=False)
    # httpx has no public setting for the network backend; a test holds this to the pinned version.
    transport._pool = httpcore.ConnectionPool(
        ssl_context=_tls(),
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=15,
        network_backend=Guard(named),
    )
    return httpx.Client(
        transport=transport,
        timeout=httpx.Timeout(10, connect=3),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "Lintas", "Accept-Encoding": "gzip"},
    )
