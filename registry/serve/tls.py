"""The server's side of TLS: one context for the listeners, whose certificate can be changed while it is in use."""

from __future__ import annotations

import logging
import ssl
from typing import Final

from registry.serve.errors import CannotServeTls

LOG: Final = logging.getLogger("registry.serve")


class ServerTls:
    """Serves the certificate chain and key (PEM files) as they were when it was made, or at the last `reload`.

    TLS 1.2 or later, HTTP/1.1 by ALPN. Raises CannotServeTls.
    """

    __slots__ = ("_certificate", "_current", "_key", "context")

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate, self._key = certificate, key
        self._current = self.context = _context(certificate, key)
        # Called for every handshake, with or without a server name: from here on it speaks with the newest context.
        self.context.sni_callback = self._swap

    def reload(self) -> bool:
        """New handshakes use what the files hold now; where that cannot be: False, a message, and all is as before."""
        try:
            self._current = _context(self._certificate, self._key)
        except CannotServeTls as error:
            LOG.error("%s; the certificate that was read before stays in use", error)
            return False
        return True

    def _swap(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if self._current is not context:
            connection.context = self._current


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for path in (certificate, key):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise CannotServeTls(f"cannot serve TLS: {path}: {error.strerror}") from None
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted:
        raise CannotServeTls(
            f"cannot serve TLS: the key {key} is encrypted; give one without a password, readable by the server alone"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None)
        if reason == "KEY_VALUES_MISMATCH":
            raise CannotServeTls(f"cannot serve TLS: the key {key} does not belong to {certificate}") from None
        raise CannotServeTls(
            f"cannot serve TLS: {certificate} and {key} are no PEM certificate chain and key ({reason or error})"
        ) from None
    return context


class _Encrypted(Exception):
    """OpenSSL asked for the key's password."""


def _no_password() -> str:
    # Without a callback OpenSSL would ask on the terminal, and wait for ever where there is nobody.
    raise _Encrypted
