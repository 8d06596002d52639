"""Where plug-ins may connect to: public addresses, and private networks that the operator allows.

The address that was judged is the one that is connected to, so that a name can't point elsewhere a
moment later. Where the environment names a proxy (HTTPS_PROXY, NO_PROXY), the proxy judges. A
connection serves one request and ends within bounded time, however slowly the other end speaks.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

TOTAL_S: Final = 20.0


class PrivateAddressError(Exception):
    """The address is neither public nor in a network that the operator allows."""


class Reach(httpx.BaseTransport):
    """Sends requests to where they may go. allowed: networks like 10.0.0.0/8, or addresses."""

    def __init__(
        self, allowed: Sequence[str] = (), *, verify: bool = True, total_s: float = TOTAL_S
    ) -> None:
        self._verify = verify
        self._direct = _Direct(allowed, verify=verify, total_s=total_s)
        self._proxied: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._transport(request.url).handle_request(request)

    def close(self) -> None:
        self._direct.close()
        for transport in self._proxied.values():
            transport.close()

    def _transport(self, url: httpx.URL) -> httpx.HTTPTransport:
        proxies = getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
        if not proxy or proxy_bypass(url.host):
            return self._direct
        if proxy not in self._proxied:
            self._proxied[proxy] = httpx.HTTPTransport(verify=_tls(self._verify), proxy=proxy)
        return self._proxied[proxy]


def connect(host: str, port: int, allowed: Sequence[str], timeout_s: float) -> socket.socket:
    """A connection to the first address that answers; PrivateAddressError where none may be."""
    failure: OSError | None = None
    for address in judged(host, port, allowed):
        try:
            return socket.create_connection((address, port), timeout_s)
        except OSError as error:
            failure = error
    raise failure or OSError(f"{host} has no address")


def judged(host: str, port: int, allowed: Sequence[str]) -> list[str]:
    """The addresses of a host; PrivateAddressError if one may not be reached, OSError without any."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not all(_may_reach(address, allowed) for address in addresses):
        raise PrivateAddressError(host)
    return addresses


def _may_reach(address: str, allowed: Iterable[str]) -> bool:
    judged = _inner(ip_address(address.partition("%")[0]))
    if any(judged in ip_network(network, strict=False) for network in allowed):
        return True
    return judged.is_global and not judged.is_multicast


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address within an IPv6 one that only carries it."""
    if isinstance(address, IPv4Address):
        return address
    if address in ip_network("64:ff9b::/96"):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


@cache
def _tls(verify: bool) -> ssl.SSLContext:  # noqa: FBT001 - the one thing that it depends on
    return httpx.create_ssl_context(verify=verify)


class _Direct(httpx.HTTPTransport):
    def __init__(self, allowed: Sequence[str], *, verify: bool, total_s: float) -> None:
        super().__init__(verify=_tls(verify))
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(verify),
            max_keepalive_connections=0,
            network_backend=_Backend(allowed, total_s),
        )


class _Backend(httpcore.NetworkBackend):
    def __init__(self, allowed: Sequence[str], total_s: float) -> None:
        self._allowed = allowed
        self._total_s = total_s
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        ends = time.monotonic() + self._total_s
        try:
            addresses = judged(host, port, self._allowed)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from None
        failure = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                found = self._plain.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return _Bounded(found, ends)
            except httpcore.ConnectError as error:
                failure = error
        raise failure


class _Bounded(httpcore.NetworkStream):
    """A stream that ends at a time, whatever trickles through it until then."""

    def __init__(self, stream: httpcore.NetworkStream, ends: float) -> None:
        self._stream = stream
        self._ends = ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer did not end in time")
        return self._stream.read(max_bytes, left if timeout is None else min(timeout, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, timeout), self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
