"""Tokens that this server gives and takes itself: claims as JSON and their HMAC, short-lived.

Clients see them as opaque. They exist because docker asks for one before it pulls without credentials; whoever has a
password can go on using it (Basic). All workers share the key, so that any of them takes what another gave.
"""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

LIFETIME: Final = 300
"""Seconds."""
LENGTH_LIMIT: Final = 16 << 10


class Scope(NamedTuple):
    """`kind` is `repository` or `registry`; `name` what it is about."""

    kind: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(sorted(self.actions))}"


def parse_scopes(values: Sequence[str]) -> list[Scope]:
    """Scopes of repeated parameters, each of which holds several between blanks; what is no scope grants nothing."""
    scopes: list[Scope] = []
    for text in " ".join(values).split():
        kind, _, rest = text.partition(":")
        name, last, actions = rest.rpartition(":")
        if kind and last and name:
            kind = kind.partition("(")[0]  # `repository(plugin)`: the class says nothing here
            scopes.append(Scope(kind, name, frozenset(actions.split(",")) - {""}))
    return scopes


class Claims(NamedTuple):
    """What a token says: `user` is empty for nobody in particular, whose `proof` is None."""

    user: str
    proof: str | None
    scopes: tuple[Scope, ...]
    issued: int
    expires: int


class Issuer:
    """Makes and reads tokens under one key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, claims: Claims) -> str:
        """The token for these claims."""
        body = json.dumps(
            {
                "sub": claims.user,
                "proof": claims.proof,
                "access": [[scope.kind, scope.name, sorted(scope.actions)] for scope in claims.scopes],
                "iat": claims.issued,
                "exp": claims.expires,
            },
            separators=(",", ":"),
        ).encode()
        return f"{_text(body)}.{_text(self._sign(body))}"

    def read(self, token: str, now: float) -> Claims | None:
        """The claims of a token of ours that has not expired, else None."""
        if len(token) > LENGTH_LIMIT:
            return None
        body_text, _, signature_text = token.partition(".")
        try:
            body = _bytes(body_text)
            signature = _bytes(signature_text)
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(signature, self._sign(body)):
            return None
        fields: dict[str, Any] = json.loads(body)  # ours, since the signature holds
        if fields["exp"] <= now:
            return None
        scopes = tuple(Scope(kind, name, frozenset(actions)) for kind, name, actions in fields["access"])
        return Claims(fields["sub"], fields["proof"], scopes, fields["iat"], fields["exp"])

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, b"token\0" + body, "sha256")


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
