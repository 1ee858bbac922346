"""Where clients reach this server, and where they come from: what a trusted proxy says of both, and nobody else.

Locations are relative unless an external URL is set (RFC 9110, section 10.2.2): they hold behind any proxy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry.api.request import Request

_is_host = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?").fullmatch
_forwarded_pair = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))\s*(;|,|$)')


class Origins:
    """`external_url` without a slash at its end; `proxies` are addresses and networks."""

    def __init__(self, external_url: str | None, proxies: Sequence[str]) -> None:
        self._external: Final = None if external_url is None else external_url.rstrip("/")
        self._proxies: Final = [ip_network(proxy, strict=False) for proxy in proxies]

    def location(self, path: str) -> str:
        """The value of a Location header for a path of this server."""
        return path if self._external is None else self._external + path

    def base(self, request: Request) -> str:
        """`SCHEME://HOST` as this client reached the server, for what cannot be relative."""
        if self._external is not None:
            return self._external
        scheme = "https" if request.connection.ssl_context else "http"
        host = request.headers.get("Host", "")
        if self._proxies and self._trusts(_peer(request)):
            said = _said_by_proxy(request)
            if said.get("proto", "").lower() in ("http", "https"):
                scheme = said["proto"].lower()
            host = said.get("host", host)
        if _is_host(host) is None:
            name = request.connection.sockname
            if not isinstance(name, tuple):
                return f"{scheme}://localhost"
            address = f"[{name[0]}]" if ":" in name[0] else name[0]
            host = f"{address}:{name[1]}"
        return f"{scheme}://{host}"

    def client(self, request: Request) -> str | None:
        """The address of the client; None over a unix socket."""
        peer = _peer(request)
        if not self._proxies or not self._trusts(peer):
            return peer
        for hop in reversed(_hops(request)):
            if not self._trusts(hop):
                return hop
            peer = hop
        return peer

    def _trusts(self, address: str | None) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self._proxies)


def _peer(request: Request) -> str | None:
    name = request.connection.peername
    return str(name[0]) if isinstance(name, (tuple, list)) and name else None


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    if not text:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def _elements(request: Request) -> list[dict[str, str]]:
    """The elements of Forwarded (RFC 7239), up to the first that cannot be read."""
    text = request.headers.get("Forwarded", "")
    elements: list[dict[str, str]] = []
    element: dict[str, str] = {}
    at = 0
    while match := _forwarded_pair.match(text, at):
        name, quoted, plain, end = match.groups()
        element[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
        if end != ";":
            elements.append(element)
            element = {}
        if not end or at >= len(text):
            break
    return elements


def _said_by_proxy(request: Request) -> dict[str, str]:
    """`proto` and `host` as the nearest proxy gives them."""
    elements = _elements(request)
    if elements:
        return elements[-1]
    said = {}
    for field, header in (("proto", "X-Forwarded-Proto"), ("host", "X-Forwarded-Host")):
        value = request.headers.get(header, "").rpartition(",")[2].strip()
        if value:
            said[field] = value
    return said


def _hops(request: Request) -> list[str]:
    elements = _elements(request)
    if elements:
        hops = [element.get("for", "") for element in elements]
    else:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    addresses = [_address(hop) for hop in hops]
    return [str(address) for address in addresses if address is not None]
