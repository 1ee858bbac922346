"""Who asks, and whether they may: the one place that decides.

Without a password file everybody may do everything. With one, its users may do everything; everybody else may pull
where anonymous pulls are allowed, and nothing where they are not. A token grants what it says and its user may do.
What no line here allows is refused.
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final

from registry.auth.htpasswd import Htpasswd
from registry.auth.tokens import LIFETIME, Claims, Issuer, Scope

KEPT: Final = 4096
"""Most tokens that are remembered."""
CHECKS: Final = 4
"""Passwords that are checked at once; others wait, so that guessing takes no more of the machine than this."""
SERVICE: Final = "wherry"


class Action(Enum):
    """What a route does, as far as rights go."""

    PING = "ping"
    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    CATALOG = "catalog"
    NONE = "none"
    """Needs no right: tokens, health, metrics."""


class Caller:
    """Who asks. `name` is empty for nobody in particular; `scopes` is what a token grants, None without one."""

    __slots__ = ("anonymous", "name", "scopes")

    def __init__(self, name: str, *, anonymous: bool, scopes: Sequence[Scope] | None = None) -> None:
        self.name = name
        self.anonymous = anonymous
        self.scopes = scopes

    def __repr__(self) -> str:
        return f"Caller({self.name!r}, anonymous={self.anonymous}, scopes={self.scopes})"


class BadCredentials(Exception):
    """The credentials that came are wrong, or are none; str() says which."""


Blocking = Callable[[Callable[[str, str], bool], str, str], Awaitable[bool]]


class Access:
    """The rights of a server. `blocking` runs a function in a thread."""

    def __init__(
        self,
        *,
        htpasswd: Htpasswd | None,
        anonymous_pull: bool,
        secret: bytes,
        blocking: Blocking,
        now: Callable[[], float],
    ) -> None:
        self._htpasswd = htpasswd
        self._blocking = blocking
        self._now = now
        self._issuer = Issuer(secret)
        self._checks = asyncio.Semaphore(CHECKS)
        self._running: dict[tuple[str, str], asyncio.Future[bool]] = {}
        self._tokens: dict[str, Claims] = {}
        self.open = htpasswd is None
        """Everybody may do everything."""
        self.anonymous_pull = anonymous_pull and not self.open
        self.everybody: Final = Caller("", anonymous=not self.open)

    # Who asks.

    def known(self, authorization: str | None) -> Caller | None:
        """Who asks, where that takes no more than microseconds; None where `authenticate` has to find out."""
        if self._htpasswd is None or authorization is None:
            return self.everybody
        scheme, _, rest = authorization.partition(" ")
        scheme = scheme.lower()
        if scheme == "basic":
            pair = _basic(rest)
            if pair is not None and self._htpasswd.known(*pair):
                return Caller(pair[0], anonymous=False)
        elif scheme == "bearer":
            return self._bearer(rest.strip())
        return None

    async def authenticate(self, authorization: str | None) -> Caller:
        """Who asks. BadCredentials."""
        caller = self.known(authorization)
        if caller is not None:
            return caller
        assert authorization is not None
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "bearer":
            raise BadCredentials("the token has expired, was revoked, or is none of this server's")
        if scheme.lower() != "basic":
            raise BadCredentials(f"Authorization is {scheme[:40]!r}: Basic and Bearer are known")
        pair = _basic(rest)
        if pair is None:
            raise BadCredentials("Authorization is Basic, but not USER:PASSWORD in base64")
        if not await self.password_is_right(*pair):
            raise BadCredentials("the user's name or the password is wrong")
        return Caller(pair[0], anonymous=False)

    async def password_is_right(self, user: str, password: str) -> bool:
        """Checks a password, in a thread; the same one asked for twice at once is checked once."""
        if self._htpasswd is None:
            return False
        if self._htpasswd.known(user, password):
            return True
        running = self._running.get((user, password))
        if running is None:
            running = asyncio.ensure_future(self._check(self._htpasswd, user, password))
            self._running[user, password] = running
            running.add_done_callback(lambda _: self._running.pop((user, password), None))
        return await asyncio.shield(running)

    async def _check(self, htpasswd: Htpasswd, user: str, password: str) -> bool:
        async with self._checks:
            return await self._blocking(htpasswd.check, user, password)

    def _bearer(self, token: str) -> Caller | None:
        claims = self._tokens.get(token)
        now = self._now()
        if claims is None:
            claims = self._issuer.read(token, now)
            if claims is None:
                return None
            if len(self._tokens) >= KEPT:
                self._tokens.clear()
            self._tokens[token] = claims
        elif claims.expires <= now:
            del self._tokens[token]
            return None
        if claims.user and (self._htpasswd is None or self._htpasswd.fingerprint(claims.user) != claims.proof):
            return None
        return Caller(claims.user, anonymous=not claims.user, scopes=claims.scopes)

    # What they may.

    def allows(self, caller: Caller, action: Action, repository: str) -> bool:
        """Whether the caller may do this to the repository (empty for what concerns none)."""
        if action is Action.NONE:
            return True
        if not self._user_may(caller, action):
            return False
        if caller.scopes is None:
            return True
        if action is Action.PING:
            return True
        if action is Action.CATALOG:
            return any(scope.kind == "registry" and scope.name == "catalog" for scope in caller.scopes)
        return any(
            scope.kind == "repository"
            and scope.name == repository
            and (action.value in scope.actions or "*" in scope.actions)
            for scope in caller.scopes
        )

    def user_allows(self, caller: Caller, action: Action, repository: str) -> bool:
        """As `allows`, whatever the token at hand was asked for: for lists of what a caller could get at."""
        return self._user_may(caller, action)

    def _user_may(self, caller: Caller, action: Action) -> bool:
        if self.open or not caller.anonymous:
            return True
        if not self.anonymous_pull:
            return False
        # Somebody without any credentials is asked for some by the ping, or docker would never ask for a token.
        return action is Action.PULL or (action is Action.PING and caller.scopes is not None)

    def grant(self, caller: Caller, wanted: Sequence[Scope]) -> tuple[Scope, ...]:
        """What of the wanted scopes a token for the caller may carry."""
        granted: list[Scope] = []
        for scope in wanted:
            if scope.kind == "repository":
                actions = {a for a in (Action.PULL, Action.PUSH, Action.DELETE) if self._user_may(caller, a)}
                names = frozenset(a.value for a in actions)
                if "*" in scope.actions:
                    granted.append(Scope(scope.kind, scope.name, names))
                elif scope.actions & names:
                    granted.append(Scope(scope.kind, scope.name, scope.actions & names))
            elif scope.kind == "registry" and scope.name == "catalog" and self._user_may(caller, Action.CATALOG):
                granted.append(scope)
        return tuple(granted)

    def token(self, caller: Caller, wanted: Sequence[Scope]) -> tuple[str, Claims]:
        """A token that carries what of `wanted` the caller may do, and its claims."""
        now = int(self._now())
        proof = None
        if caller.name and self._htpasswd is not None:
            proof = self._htpasswd.fingerprint(caller.name)
        claims = Claims(caller.name, proof, self.grant(caller, wanted), now, now + LIFETIME)
        return self._issuer.issue(claims), claims

    def challenge(self, realm: str, scope: Scope | None, error: str | None) -> str:
        """The value of WWW-Authenticate. `realm`: the URL where tokens are given."""
        if not self.anonymous_pull:
            return f'Basic realm="{SERVICE}", charset="UTF-8"'
        parts = [f'realm="{realm}"', f'service="{SERVICE}"']
        if scope is not None:
            parts.append(f'scope="{scope}"')
        if error is not None:
            parts.append(f'error="{error}"')
        return "Bearer " + ",".join(parts)


def _basic(text: str) -> tuple[str, str] | None:
    try:
        user, colon, password = b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon and user else None
