"""THE table of route, method and action: every row with the right, without, and with others; nothing without a row."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.api.routes import parse
from registry.api.table import QUICK, TABLE
from registry.auth.access import Action
from storage_backends.memory import MemoryStore
from tests.api.client import OCI_MANIFEST, Answer, Client, image_of, sha256
from tests.api.running import Running

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]
BLOB = sha256(b"layer")
UNKNOWN_UPLOAD = "/v2/team/app/blobs/uploads/" + "0" * 32
TARGETS = {
    "base": "/v2/",
    "catalog": "/v2/_catalog",
    "tags": "/v2/team/app/tags/list",
    "manifest": "/v2/team/app/manifests/1",
    "blob": f"/v2/team/app/blobs/{BLOB}",
    "uploads": "/v2/team/app/blobs/uploads/",
    "upload": UNKNOWN_UPLOAD,
    "referrers": f"/v2/team/app/referrers/{BLOB}",
    "token": "/token",
    "healthz": "/healthz",
    "readyz": "/readyz",
    "metrics": "/metrics",
}
ROWS = [(kind, method, row.action) for kind, methods in TABLE.items() for method, row in methods.items()]
ALL_ACTIONS = ("pull", "push", "delete")


class Place(NamedTuple):
    server: Running
    admin: Client


@pytest.fixture(scope="module")
def place(htpasswd: Path) -> Iterator[Place]:
    with Running(MemoryStore(), htpasswd=str(htpasswd), anonymous_pull=True) as server:
        admin = Client(server.port, {"Authorization": "Basic YW5uOnNlY3JldA=="})
        for repository in ("team/app", "team/other"):
            admin.image(repository, "1")
        yield Place(server, admin)
        admin.close()


@pytest.fixture(scope="module")
def closed(htpasswd: Path) -> Iterator[Running]:
    with Running(MemoryStore(), htpasswd=str(htpasswd)) as server:
        yield server


def _ask(port: int, kind: str, method: str, headers: dict[str, str]) -> Answer:
    client = Client(port, headers)
    try:
        if method == "PUT" and kind == "manifest":
            body = image_of()
            return client.manifest("team/app", "new", body, OCI_MANIFEST)
        target = TARGETS[kind] + (f"?digest={BLOB}" if (kind, method) == ("upload", "PUT") else "")
        if (kind, method) == ("manifest", "DELETE"):
            target = "/v2/team/app/manifests/none"
        if (kind, method) == ("blob", "DELETE"):
            target = f"/v2/team/app/blobs/{sha256(b'none')}"
        return client.ask(method, target, b"" if method in ("PUT", "PATCH", "POST") else None)
    finally:
        client.close()


def _token(place: Place, *scopes: str) -> dict[str, str]:
    answer = place.admin.ask("GET", "/token", query=[("scope", scope) for scope in scopes])
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def _scope(actions: str, repository: str = "team/app") -> str:
    return f"repository:{repository}:{actions}"


def test_every_kind_of_route_has_rows_and_is_tested() -> None:
    assert set(TABLE) == set(TARGETS)
    assert {parse(target).kind for target in TARGETS.values()} == set(TABLE)


def test_the_quick_rows_ask_for_the_same_rights() -> None:
    for (kind, method), row in QUICK.items():
        assert TABLE[kind][method].action is row.action


def test_each_action_is_what_the_method_does() -> None:
    for kind, method, action in ROWS:
        if action is Action.NONE:
            assert kind in ("token", "healthz", "readyz", "metrics")
        elif kind in ("base", "catalog"):
            assert action.value in ("ping", "catalog")
        elif kind in ("uploads", "upload"):
            assert action is Action.PUSH
        else:
            expected = {"GET": Action.PULL, "HEAD": Action.PULL, "PUT": Action.PUSH, "DELETE": Action.DELETE}
            assert action is expected[method]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", TARGETS)
def test_what_has_no_row_is_405_for_everybody(place: Place, kind: str, method: str) -> None:
    if method in TABLE[kind] or method == "CONNECT":  # CONNECT names no path
        return
    for headers in ({}, place.admin.headers):
        answer = _ask(place.server.port, kind, method, headers)
        assert answer.status == 405
        assert answer.header("Allow") == ", ".join(sorted(TABLE[kind]))


@pytest.mark.parametrize(("kind", "method", "action"), ROWS)
def test_with_the_right_alone_it_is_served(place: Place, kind: str, method: str, action: Action) -> None:
    if action is Action.CATALOG:
        headers = _token(place, "registry:catalog:*")
    elif action in (Action.PING, Action.NONE):
        headers = _token(place)
    else:
        headers = _token(place, _scope(action.value))
    if kind == "token":
        headers = {}
    assert _ask(place.server.port, kind, method, headers).status not in (401, 403, 405), (kind, method)


@pytest.mark.parametrize(("kind", "method", "action"), ROWS)
def test_with_every_other_right_it_is_refused(place: Place, kind: str, method: str, action: Action) -> None:
    if action in (Action.NONE, Action.PING):
        return
    others = ",".join(name for name in ALL_ACTIONS if name != action.value)
    scopes = [_scope(others), _scope(",".join(ALL_ACTIONS), "team/other"), _scope(",".join(ALL_ACTIONS), "team")]
    if action is not Action.CATALOG:
        scopes.append("registry:catalog:*")
    answer = _ask(place.server.port, kind, method, _token(place, *scopes))
    assert answer.status == 401
    assert 'error="insufficient_scope"' in answer.header("WWW-Authenticate")


@pytest.mark.parametrize(("kind", "method", "action"), ROWS)
def test_without_credentials_only_what_is_open_is_served(
    closed: Running, place: Place, kind: str, method: str, action: Action
) -> None:
    answer = _ask(closed.port, kind, method, {})
    if action is Action.NONE:
        assert answer.status not in (401, 403) or kind == "token"
    else:
        assert (answer.status, answer.headers.get_all("WWW-Authenticate")) == (
            401,
            ['Basic realm="wherry", charset="UTF-8"'],
        )
    answer = _ask(place.server.port, kind, method, {})
    if action in (Action.NONE, Action.PULL):
        assert answer.status not in (401, 403) or kind == "token"
    else:
        assert answer.status == 401
        assert answer.header("WWW-Authenticate").startswith("Bearer realm=")


@pytest.mark.parametrize(("kind", "method", "action"), ROWS)
@pytest.mark.parametrize("authorization", ["Basic YW5uOndyb25n", "Basic !!!", "Bearer x.y", "Digest a", "Basic", ""])
def test_wrong_credentials_are_refused_even_where_none_are_needed(
    place: Place, kind: str, method: str, action: Action, authorization: str
) -> None:
    if action is Action.NONE:
        return
    answer = _ask(place.server.port, kind, method, {"Authorization": authorization})
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.header("WWW-Authenticate")


@pytest.mark.parametrize(("kind", "method", "action"), ROWS)
def test_a_user_may_do_everything(place: Place, kind: str, method: str, action: Action) -> None:
    assert _ask(place.server.port, kind, method, place.admin.headers).status not in (401, 403, 405)
