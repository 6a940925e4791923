"""Origins as a browser reads them: exact (scheme, host, port) of an address, and which addresses are public.

Covers: the parts of the WHATWG URL standard (url.spec.whatwg.org, "host parsing") that decide where an
address leads: userinfo, backslashes, tabs and line ends inside, letter case, percent signs, international
names, trailing dots, ports, IPv6, and IPv4 in decimal, octal, hexadecimal and short forms. Does not cover:
paths.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote_to_bytes

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
SECURED = {"ws": "http", "wss": "https"}
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):[/\\]*", re.IGNORECASE)
FORBIDDEN = re.compile(r"[\x00-\x20\x7f#/:<>?@\[\\\]^|%]")
"""Code points that no host may hold (WHATWG, "forbidden domain code point")."""

NOT_PUBLIC = (
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("100.64.0.0/10"),
)
"""Networks that some versions of `ipaddress` count as global, and where clouds answer their own machines."""

CARRIES_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Networks whose last 32 bits are an IPv4 address that the packet ends at (RFC 6052, RFC 4291)."""


@dataclass(frozen=True)
class Origin:
    """An exact origin; `ws` and `wss` count as `http` and `https`."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = PORTS.get(self.scheme) == self.port
        return f"{self.scheme}://{host}" + ("" if default else f":{self.port}")


def origin_of(url: str) -> Origin:
    """The origin of an http(s) or ws(s) address, as a browser would go to it.

    Raises:
        ValueError: Another scheme, no host, or one that no browser takes.
    """
    wrong = ValueError(f"{url!r} is not an http or https address")
    text = re.sub(r"[\t\r\n]", "", url.strip("".join(map(chr, range(0x21)))))
    found = SCHEME.match(text)
    if found is None or (scheme := found[1].lower()) not in PORTS:
        raise wrong
    authority = re.split(r"[/\\?#]", text[found.end() :], maxsplit=1)[0].rpartition("@")[2]
    end = authority.rfind("]") + 1 if authority.startswith("[") else max(authority.find(":"), 0)
    host, port = (authority, "") if end == 0 else (authority[:end], authority[end:])
    if port and (re.fullmatch(r":\d*", port, re.ASCII) is None or int(port[1:] or 0) > 65535):
        raise wrong
    scheme = SECURED.get(scheme, scheme)
    try:
        return Origin(scheme, host_of(host), int(port[1:]) if port[1:] else PORTS[scheme])
    except ValueError as error:
        raise wrong from error


def host_of(text: str) -> str:
    """A host in the one form in which hosts are compared: lower-case ASCII, addresses in their shortest form.

    Raises:
        ValueError: No browser takes it for a host.
    """
    if text.startswith("["):
        if not text.endswith("]") or "%" in text:
            raise ValueError(text)
        return str(IPv6Address(text[1:-1]))
    name = unquote_to_bytes(text).decode("utf-8")
    if not name.isascii():
        from idna import IDNAError, encode

        try:
            name = encode(name, uts46=True).decode("ascii")
        except IDNAError as error:
            raise ValueError(text) from error
    name = name.lower().removesuffix(".")
    if not name or FORBIDDEN.search(name) or ".." in f".{name}.":
        raise ValueError(text)
    last = name.rpartition(".")[2]
    if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        return str(_ipv4(name))
    return name


def _ipv4(text: str) -> IPv4Address:
    """An IPv4 address in any of the forms that browsers take: `127.1`, `0x7f000001`, `0177.0.0.1`, ..."""
    parts = [_ipv4_number(part) for part in text.split(".")]
    *front, last = parts
    if len(parts) > 4 or any(part > 255 for part in front) or last >= 256 ** (5 - len(parts)):
        raise AddressValueError(text)
    return IPv4Address(sum(part << 8 * (3 - place) for place, part in enumerate(front)) + last)


def _ipv4_number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    if not text.isdigit():
        raise AddressValueError(text)
    return int(text, 8) if len(text) > 1 and text.startswith("0") else int(text)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open Internet.

    Not public are: loopback, private, shared and link-local ranges, those where clouds keep their keys,
    multicast, reserved and unspecified ones, and IPv6 addresses that lead to such an IPv4 address.

    Raises:
        ValueError: It is no IP address.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and any(ip in network for network in CARRIES_IPV4):
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    elif any(ip in network for network in NOT_PUBLIC):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)


def may_reach(address: str, origin: Origin, allowed: Collection[Origin]) -> bool:
    """Whether an allowed `origin` may lead to `address`.

    An address that is not public has to be listed itself; `localhost` and names below it mean loopback.
    """
    bare = str(ip_address(address.partition("%")[0]))
    if bare == origin.host or is_public(bare):
        return True
    if origin.host == "localhost" or origin.host.endswith(".localhost"):
        return ip_address(bare).is_loopback
    return Origin(origin.scheme, bare, origin.port) in allowed
