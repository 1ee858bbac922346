"""The listening sockets: bound once, here, without SO_REUSEPORT, so that a second server on a port fails."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, Mapping
from typing import Final

from registry.listen_address import InheritedSockets, TcpAddress, UnixAddress, parse
from registry.serve.errors import CannotListen

# The kernel cuts it to net.core.somaxconn.
BACKLOG: Final = 4096
# The first descriptor that systemd hands over (sd_listen_fds).
_FIRST_INHERITED: Final = 3


class Listener:
    """One listening, non-blocking socket; `unlink` is the socket file that goes when the server does."""

    __slots__ = ("_made", "socket", "unlink")

    def __init__(self, listening: socket.socket, unlink: str | None = None) -> None:
        listening.setblocking(False)
        self.socket, self.unlink = listening, unlink
        self._made = _identity(unlink) if unlink else None

    def url(self, scheme: str) -> str:
        """`http://127.0.0.1:5000`, with the port that the kernel chose, or `http+unix:///path`."""
        name = self.socket.getsockname()
        if self.socket.family == socket.AF_UNIX:
            path = os.fsdecode(name)
            return f"{scheme}+unix://{path}"
        host = f"[{name[0]}]" if self.socket.family == socket.AF_INET6 else name[0]
        return f"{scheme}://{host}:{name[1]}"

    def close(self) -> None:
        """Closes this process's copy, and removes the socket file if it is still the one that was made."""
        self.socket.close()
        if self.unlink is not None and _identity(self.unlink) == self._made:
            os.unlink(self.unlink)


def bind(addresses: Iterable[str], environ: Mapping[str, str]) -> list[Listener]:
    """Listens on every address of the setting `listen`. Raises CannotListen, with nothing left open."""
    listeners: list[Listener] = []
    try:
        for text in addresses:
            match parse(text):
                case TcpAddress(host, port):
                    listeners += _bind_tcp(text, host, port)
                case UnixAddress(path, mode):
                    listeners.append(_bind_unix(path, mode))
                case InheritedSockets():
                    listeners += _inherited(environ)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _bind_tcp(text: str, host: str, port: int) -> list[Listener]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise CannotListen(f"cannot listen on {text}: no address has the name {host!r} ({error.strerror})") from None
    listeners: list[Listener] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listening = socket.socket(family, kind, protocol)
            listeners.append(Listener(listening))
            # For the TIME_WAIT of a server that was just stopped; unlike SO_REUSEPORT it lets no second one in.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # [::]:5000 beside 0.0.0.0:5000 would not bind otherwise.
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise _cannot(text, error) from None
    return listeners


def _cannot(text: str, error: OSError) -> CannotListen:
    why = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        why = "another program listens there already; stop it, or give another address with --listen"
    elif error.errno == errno.EADDRNOTAVAIL:
        why = "this machine has no such address"
    elif error.errno == errno.EACCES:
        why = "permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE"
    return CannotListen(f"cannot listen on {text}: {why}")


def _bind_unix(path: str, mode: int) -> Listener:
    text = f"unix:{path}"
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            _bind_with_mode(listening, path, mode)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            _remove_stale(text, path)
            _bind_with_mode(listening, path, mode)
        listener = Listener(listening, path)
        listening.listen(BACKLOG)
    except FileNotFoundError:
        listening.close()
        raise CannotListen(f"cannot listen on {text}: the folder {os.path.dirname(path)} is not there") from None
    except OSError as error:
        listening.close()
        why = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            why = "another program took the path at this moment; give another with --listen"
        raise CannotListen(f"cannot listen on {text}: {why}") from None
    except BaseException:
        listening.close()
        raise
    return listener


def _bind_with_mode(listening: socket.socket, path: str, mode: int) -> None:
    # The file gets its mode from the umask at bind: with a chmod alone it would be open to all for a moment.
    before = os.umask(0o777 & ~mode)
    try:
        listening.bind(path)
    finally:
        os.umask(before)


def _remove_stale(text: str, path: str) -> None:
    """Removes a socket file that nobody listens on. Raises CannotListen for anything else."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise CannotListen(f"cannot listen on {text}: the path is there and is no socket; it was left alone")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A listener with a full queue must not be taken for a dead one.
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pass
        except OSError as error:
            raise CannotListen(f"cannot listen on {text}: the path is there; {error.strerror}") from None
    raise CannotListen(
        f"cannot listen on {text}: another program listens there already; stop it, or give another path with --listen"
    )


def _inherited(environ: Mapping[str, str]) -> list[Listener]:
    """The sockets of systemd's protocol (sd_listen_fds): descriptors from 3 on, meant for this process ID."""
    count, pid = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_PID", "")
    if not count.isdecimal() or int(count) < 1 or pid != str(os.getpid()):
        raise CannotListen(
            "cannot listen on systemd: no sockets were handed over "
            f"(LISTEN_FDS={count!r}, LISTEN_PID={pid!r}, this process is {os.getpid()}); start this from a unit with "
            "a socket unit of the same name"
        )
    listeners = []
    for descriptor in range(_FIRST_INHERITED, _FIRST_INHERITED + int(count)):
        try:
            listening = socket.socket(fileno=descriptor)
            accepts = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise CannotListen(f"cannot listen on systemd: descriptor {descriptor}: {error.strerror}") from None
        if not accepts or listening.type != socket.SOCK_STREAM:
            raise CannotListen(f"cannot listen on systemd: descriptor {descriptor} is no listening stream socket")
        os.set_inheritable(descriptor, False)
        listeners.append(Listener(listening))
    return listeners


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
