"""/token: for who has a password, and for anybody where anonymous pulls are allowed (docker's token protocol)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from registry.api.body import whole
from registry.api.errors import Refusal
from registry.api.response import Response
from registry.auth.access import SERVICE, Access, BadCredentials, Caller
from registry.auth.tokens import LIFETIME, parse_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route

FORM_LIMIT: Final = 64 << 10
"""Bytes of the form of a POST."""


async def get(registry: Registry, request: Request, route: Route) -> Response:
    """Credentials come as Basic; without any the token is nobody's."""
    access = _access(registry)
    authorization = request.headers.get("Authorization")
    if authorization is not None and not authorization.lower().startswith("basic "):
        raise _refused("credentials for a token come as Basic")
    try:
        caller = await access.authenticate(authorization)
    except BadCredentials as error:
        raise _refused(str(error)) from None
    return _answer(registry, caller, request.query)


async def post(registry: Registry, request: Request, route: Route) -> Response:
    """Credentials come in a form (RFC 6749, section 4.3): grant_type password."""
    access = _access(registry)
    async with whole(registry, request, FORM_LIMIT) as body:
        if body is None:
            raise Refusal(413, "SIZE_INVALID", f"the form is larger than {FORM_LIMIT} bytes")
        try:
            form = parse_qs(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=100)
        except ValueError:
            raise Refusal(400, "UNSUPPORTED", "the body is no form (application/x-www-form-urlencoded)") from None
    grant = _one(form, "grant_type")
    if grant != "password":
        raise Refusal(400, "UNSUPPORTED", f"grant_type is {grant[:40]!r}: only password is known")
    user, password = _one(form, "username"), _one(form, "password")
    if not await access.password_is_right(user, password):
        raise _refused("the user's name or the password is wrong")
    return _answer(registry, Caller(user, anonymous=False), form)


def _access(registry: Registry) -> Access:
    if registry.access.open:
        raise Refusal(404, "NOT_FOUND", "this registry needs no tokens")
    return registry.access


def _one(form: Mapping[str, list[str]], name: str) -> str:
    values = form.get(name, [""])
    if len(values) != 1:
        raise Refusal(400, "BAD_REQUEST", f"{name} is given {len(values)} times")
    return values[0]


def _answer(registry: Registry, caller: Caller, fields: Mapping[str, list[str]]) -> Response:
    token, claims = registry.access.token(caller, parse_scopes(fields.get("scope", [])))
    value = {
        "token": token,
        "access_token": token,
        "expires_in": LIFETIME,
        "issued_at": datetime.fromtimestamp(claims.issued, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "scope": " ".join(str(scope) for scope in claims.scopes),
    }
    return Response.of_json(200, value, [("Cache-Control", "no-store")])


def _refused(message: str) -> Refusal:
    return Refusal(401, "UNAUTHORIZED", message, headers=[("WWW-Authenticate", f'Basic realm="{SERVICE}"')])
