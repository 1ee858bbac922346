"""Where the server listens, as it is written in the settings. Knows no socket."""

from __future__ import annotations

import re
from typing import NamedTuple

FORMS = "HOST:PORT, [IPV6]:PORT, unix:/PATH[?mode=OCTAL] or systemd"
"""What `parse` accepts, for messages and documents."""

_TCP = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)):(?P<port>[0-9]{1,5})"
)
_UNIX = re.compile(r"unix:(?P<path>/[^\0?]*[^\0?/])(?:\?mode=(?P<mode>0?[0-7]{3}))?")
# sun_path holds 108 bytes, the last of them NUL.
_LONGEST_PATH = 107
_UNIX_MODE = 0o660


class TcpAddress(NamedTuple):
    """A host name or IP address without brackets, and a port; port 0 is any free one."""

    host: str
    port: int


class UnixAddress(NamedTuple):
    """An absolute path, and the permission bits of the socket file."""

    path: str
    mode: int


class InheritedSockets(NamedTuple):
    """The sockets that systemd hands over (`LISTEN_FDS`)."""


def parse(text: str) -> TcpAddress | UnixAddress | InheritedSockets:
    """Raises ValueError with what is wrong, to stand behind FORMS."""
    if text == "systemd":
        return InheritedSockets()
    if text.startswith("unix:"):
        unix = _UNIX.fullmatch(text)
        if unix is None:
            raise ValueError(
                "it has no absolute path, or a wrong mode; for example unix:/run/wherry/wherry.sock?mode=660"
            )
        path = unix["path"]
        if len(path.encode()) > _LONGEST_PATH:
            raise ValueError(f"its path has more than {_LONGEST_PATH} bytes, the most that a unix socket can have")
        return UnixAddress(path, int(unix["mode"], 8) if unix["mode"] else _UNIX_MODE)
    tcp = _TCP.fullmatch(text)
    if tcp is None:
        raise ValueError(
            ("it has no port; " if ":" not in text else "")
            + "for example 127.0.0.1:5000, or 0.0.0.0:5000 for every IPv4 address"
        )
    port = int(tcp["port"])
    if port > 65535:
        raise ValueError("its port is above 65535")
    return TcpAddress(tcp["v6"] or tcp["host"], port)
