"""The registry as an application: the service that a server puts behind its sockets.

It takes requests from connections, finds the row of the table, asks `registry.auth`, and turns every error into an
answer. Nothing here is global: two services in a process know nothing of each other.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING, Final

from registry.api import errors
from registry.api.connection import FIELD_EXTRA, HttpServer
from registry.api.registry import Registry
from registry.api.response import Clock, Response
from registry.api.routes import Routes
from registry.api.table import QUICK, TABLE, Row
from registry.auth.access import Action, BadCredentials
from registry.auth.tokens import Scope
from storage_backends.base import Store

if TYPE_CHECKING:
    from registry.api.request import Request
    from registry.api.routes import Route
    from registry.config import Settings
    from registry.observe.observer import Observer

LOG: Final = logging.getLogger("registry")

READ_BUFFER: Final = 256 << 10
"""Bytes of a body that wait in a connection before its client is held back."""
LEFT_UNREAD: Final = 256 << 10
"""Bytes of a refused body that are read for the sake of the connection; behind more than these it is closed."""
LINGER_SECONDS: Final = 2.0
"""How long a body that nobody reads is still taken, so that its client sees the answer."""


class Service:
    """Answers requests over one store. `start` before the first, `close` after the last.

    `secret` signs tokens: every worker of a server is given the same one. `observer` learns of every answer. While
    `draining`, /readyz is red and every answer closes its connection.
    """

    def __init__(
        self, settings: Settings, store: Store, *, observer: Observer | None = None, secret: bytes | None = None
    ) -> None:
        self.settings = settings
        self.store = store
        self.observer = observer
        self.draining = False
        self.clock = Clock()
        self._routes = Routes()
        self.registry = Registry(settings, store, secret or secrets.token_bytes(32))
        self.registry.observer = observer
        self.origins = self.registry.origins

    async def start(self) -> None:
        """Nothing is opened here: the store is the caller's, who opened it and closes it."""

    async def close(self) -> None:
        """Waits for what the store's threads are doing, then ends them."""
        self.registry.readiness.close()
        await asyncio.get_running_loop().run_in_executor(None, self.registry.threads.shutdown)

    def server(self) -> HttpServer:
        """A protocol factory for `loop.create_server`; call it in the loop that serves."""
        settings = self.settings
        # The parser's limits for the line and for a header differ, so that an error tells which was too long.
        limit = settings.header_limit & ~1
        return HttpServer(
            self,
            keepalive_timeout=settings.keepalive,
            tcp_keepalive=True,
            access_log=None,
            max_line_size=limit,
            max_field_size=limit + FIELD_EXTRA,
            lingering_time=LINGER_SECONDS,
            read_bufsize=READ_BUFFER,
            auto_decompress=False,
        )

    # One request.

    def quick(self, request: Request) -> Response | None:
        """The answer to a GET or HEAD that takes microseconds; None for every other request."""
        registry = self.registry
        if not registry.inline:
            return None
        try:
            route = self._routes.of(request.path)
            row = QUICK.get((route.kind, request.method))
            if row is None:
                return None
            caller = registry.access.known(request.headers.get("Authorization"))
        except Exception:
            return None  # it comes again the long way, and is answered there
        if caller is None or not registry.access.allows(caller, row.action, route.repository):
            return None
        request.route, request.caller = route, caller
        if self.observer is not None:
            request.begun = time.perf_counter()
            request.id = self.observer.request_id(request)
        try:
            return row.answer(registry, request, route)
        except Exception as error:
            return errors.translated(error, self._store_failed)

    async def handler(self, request: Request) -> Response:
        """Answers one request to the end; raises nothing but CancelledError."""
        if self.observer is not None:
            request.begun = time.perf_counter()
            request.id = self.observer.request_id(request)
        try:
            response = await self._respond(request)
            try:
                await response.prepare(request)
                await response.write_eof()
            except ConnectionError:
                response.keep_alive = False
        except asyncio.CancelledError:
            if request.started:
                request.connection.abort()
            raise
        self.answered(request, response)
        return response

    async def _respond(self, request: Request) -> Response:
        try:
            response = await self._dispatch(request)
        except Exception as error:
            if request.started:
                # Too late to say anything: a cut connection is what tells the client.
                if not isinstance(error, ConnectionError):
                    errors.translated(error, self._store_failed)
                request.connection.abort()
                response = Response(500, sent=True)
                response.keep_alive = False
                return response
            response = errors.translated(error, self._store_failed)
        if request.unread > LEFT_UNREAD or request.waits:
            response.keep_alive = False
        return response

    async def _dispatch(self, request: Request) -> Response:
        route = request.route = self._routes.of(request.path)
        methods = TABLE[route.kind]
        row = methods.get(request.method)
        if row is None:
            allowed = ", ".join(sorted(methods))
            raise errors.Refusal(
                405,
                "UNSUPPORTED",
                f"{request.method} is not served here; {allowed} are",
                headers=[("Allow", allowed)],
            )
        await self._authorize(request, route, row)
        self._check_mode(row)
        return await row.handler(self.registry, request, route)

    async def _authorize(self, request: Request, route: Route, row: Row) -> None:
        if row.action is Action.NONE:
            return
        access = self.registry.access
        error: str | None = None
        message = "credentials are needed"
        try:
            caller = request.caller = await access.authenticate(request.headers.get("Authorization"))
            if access.allows(caller, row.action, route.repository):
                return
            if not caller.anonymous and caller.scopes is None:
                raise errors.Refusal(403, "DENIED", f"{caller.name!r} may not do this")
            if caller.scopes is not None:
                error, message = "insufficient_scope", "the token does not grant this"
        except BadCredentials as bad:
            error, message = "invalid_token", str(bad)
        challenge = access.challenge(f"{self.origins.base(request)}/token", _scope(row.action, route), error)
        raise errors.Refusal(401, "UNAUTHORIZED", message, headers=[("WWW-Authenticate", challenge)])

    def _check_mode(self, row: Row) -> None:
        if row.action is Action.DELETE and self.settings.no_delete:
            raise errors.Refusal(405, "UNSUPPORTED", "deletions are switched off", headers=[("Allow", "GET, HEAD")])
        if row.action in (Action.PUSH, Action.DELETE) and self.settings.read_only:
            raise errors.Refusal(405, "UNSUPPORTED", "this registry is read-only", headers=[("Allow", "GET, HEAD")])

    def answered(self, request: Request, response: Response) -> None:
        """Tells the observer of an answer."""
        if self.observer is not None:
            self.observer.answered(
                request,
                response,
                route="none" if request.route is None else request.route.kind,
                seconds=time.perf_counter() - request.begun if request.begun else 0.0,
                received=request.received,
                request_id=request.id,
                user=request.user or None,
            )

    def _store_failed(self, error: Exception) -> None:
        if self.observer is not None:
            self.observer.store_failed(error)


def _scope(action: Action, route: Route) -> Scope | None:
    if action is Action.CATALOG:
        return Scope("registry", "catalog", frozenset({"*"}))
    if action is Action.PING:
        return None
    actions = {Action.PULL: ("pull",), Action.PUSH: ("pull", "push"), Action.DELETE: ("delete",)}[action]
    return Scope("repository", route.repository, frozenset(actions))
