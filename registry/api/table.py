"""THE table of route, method and action. What has no row is not served; what has one is asked for that right first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from registry.api import base, blobs, health, lists, manifest_changes, manifests, referrers, token, uploads
from registry.auth.access import Action

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.response import Response
    from registry.api.routes import Route

Handler = Callable[["Registry", "Request", "Route"], Awaitable["Response"]]
QuickHandler = Callable[["Registry", "Request", "Route"], "Response | None"]


class Row(NamedTuple):
    """What answers, and the right that it takes."""

    handler: Handler
    action: Action


class QuickRow(NamedTuple):
    """As Row, for an answer that takes microseconds; None from it sends the request the long way."""

    answer: QuickHandler
    action: Action


def _reading(handler: Handler, action: Action) -> dict[str, Row]:
    return {"GET": Row(handler, action), "HEAD": Row(handler, action)}


TABLE: Final[Mapping[str, Mapping[str, Row]]] = {
    "base": _reading(base.get, Action.PING),
    "catalog": _reading(lists.catalog, Action.CATALOG),
    "tags": _reading(lists.tags, Action.PULL),
    "manifest": {
        **_reading(manifests.get, Action.PULL),
        "PUT": Row(manifest_changes.put, Action.PUSH),
        "DELETE": Row(manifest_changes.delete, Action.DELETE),
    },
    "blob": {
        "GET": Row(blobs.get, Action.PULL),
        "HEAD": Row(blobs.head, Action.PULL),
        "DELETE": Row(blobs.delete, Action.DELETE),
    },
    "uploads": {"POST": Row(uploads.post, Action.PUSH)},
    "upload": {
        "GET": Row(uploads.status, Action.PUSH),
        "HEAD": Row(uploads.status, Action.PUSH),
        "PATCH": Row(uploads.patch, Action.PUSH),
        "PUT": Row(uploads.put, Action.PUSH),
        "DELETE": Row(uploads.cancel, Action.PUSH),
    },
    "referrers": _reading(referrers.get, Action.PULL),
    "token": {"GET": Row(token.get, Action.NONE), "POST": Row(token.post, Action.NONE)},
    "healthz": _reading(health.alive, Action.NONE),
    "readyz": _reading(health.ready, Action.NONE),
    "metrics": _reading(health.metrics, Action.NONE),
}

QUICK: Final[Mapping[tuple[str, str], QuickRow]] = {
    ("base", "GET"): QuickRow(base.get_quickly, Action.PING),
    ("manifest", "GET"): QuickRow(manifests.get_quickly, Action.PULL),
    ("manifest", "HEAD"): QuickRow(manifests.get_quickly, Action.PULL),
    ("blob", "GET"): QuickRow(blobs.get_quickly, Action.PULL),
    ("blob", "HEAD"): QuickRow(blobs.head_quickly, Action.PULL),
}
