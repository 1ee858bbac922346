"""Basic and tokens over HTTP: server.md, Tokens; what docker, podman and containerd say."""

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bcrypt
import pytest

from registry.auth.tokens import LIFETIME
from storage_backends.base import Store
from storage_backends.memory import MemoryStore
from tests.api.client import Client, Raw, sha256, wait_until
from tests.api.conftest import Connect, Serve
from tests.api.running import Running
from tests.credentials import Credentials, write_htpasswd


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


ANN = basic("ann", "secret")


@pytest.fixture
def server(serve: Serve, memory: MemoryStore, htpasswd: Path) -> Running:
    return serve(memory, htpasswd=str(htpasswd), anonymous_pull=True)


def _challenge(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    assert scheme == "Bearer"
    fields = re.findall(r'([a-z]+)="([^"]*)"', rest)
    assert ",".join(f'{name}="{value}"' for name, value in fields) == rest  # all quoted, nothing else
    return dict(fields)


def test_the_ping_asks_for_credentials_even_where_pulls_need_none(server: Running, connect: Connect) -> None:
    """docker and podman choose their scheme from that answer."""
    client = connect(server)
    client.headers = {}
    answer = client.get("/v2/")
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert _challenge(answer.header("WWW-Authenticate")) == {
        "realm": f"http://127.0.0.1:{server.port}/token",
        "service": "wherry",
    }


def test_docker_pulls_without_credentials(server: Running, connect: Connect) -> None:
    connect(server, Authorization=ANN).image("a/b", "1")
    client = connect(server)
    challenge = _challenge(client.get("/v2/").header("WWW-Authenticate"))
    assert challenge["realm"].endswith("/token")
    answer = client.get("/token", service=challenge["service"], scope="repository:a/b:pull")
    assert answer.status == 200
    token = answer.json()["token"]
    holder = connect(server, Authorization=f"Bearer {token}")
    assert holder.get("/v2/").status == 200
    assert holder.get("/v2/a/b/manifests/1").status == 200
    assert holder.ask("POST", "/v2/a/b/blobs/uploads/").status == 401


def test_a_token_answer_has_what_clients_look_for(server: Running, connect: Connect) -> None:
    answer = connect(server, Authorization=ANN).get("/token", scope="repository:a:pull,push", offline_token="true")
    assert answer.header("Cache-Control") == "no-store"
    fields = answer.json()
    assert fields["token"] == fields["access_token"]
    assert fields["expires_in"] == LIFETIME >= 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fields["issued_at"])
    assert "refresh_token" not in fields


def _granted(client: Client, **query: Any) -> str:
    answer = client.get("/token", **query)
    assert answer.status == 200
    scope: str = answer.json()["scope"]
    return scope


def test_a_token_carries_the_intersection_and_never_fails_for_asking_too_much(
    server: Running, connect: Connect
) -> None:
    nobody, ann = connect(server), connect(server, Authorization=ANN)
    wanted = "repository:a:pull,push,delete,fly"
    assert _granted(nobody, scope=wanted) == "repository:a:pull"
    assert _granted(ann, scope=wanted) == "repository:a:delete,pull,push"
    assert _granted(ann, scope="repository:a:*") == "repository:a:delete,pull,push"
    assert _granted(nobody, scope="repository:a:*") == "repository:a:pull"
    assert _granted(nobody, scope="repository:a:push") == ""
    assert _granted(nobody, scope="registry:catalog:*") == ""
    assert _granted(ann, scope="registry:catalog:*") == "registry:catalog:*"
    assert _granted(ann, scope="nonsense repository:a:pull :x: repository::pull") == "repository:a:pull"
    assert _granted(ann) == ""


def test_scopes_come_between_blanks_or_as_repeated_parameters(server: Running, connect: Connect) -> None:
    ann = connect(server, Authorization=ANN)
    for query in ("scope=repository:a:pull%20repository:b:pull", "scope=repository:a:pull&scope=repository:b:pull"):
        answer = ann.get(f"/token?service=wherry&{query}&account=ann")
        assert answer.json()["scope"] == "repository:a:pull repository:b:pull"


def test_a_name_with_colons_and_a_class_is_read_from_both_ends(server: Running, connect: Connect) -> None:
    ann = connect(server, Authorization=ANN)
    assert _granted(ann, scope="repository(plugin):host:5000/a:pull") == "repository:host:5000/a:pull"


def test_wrong_credentials_get_no_token(server: Running, connect: Connect) -> None:
    for authorization in (basic("ann", "wrong"), basic("nobody", "secret"), "Basic !!", "Bearer x", basic("", "x")):
        answer = connect(server, Authorization=authorization).get("/token", scope="repository:a:pull")
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        assert answer.header("WWW-Authenticate").startswith("Basic ")


def _post(client: Client, **form: str):  # type: ignore[no-untyped-def]  # an Answer
    return client.ask("POST", "/token", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})


def test_the_form_that_containerd_posts(server: Running, connect: Connect) -> None:
    client = connect(server)
    form = {"grant_type": "password", "service": "wherry", "client_id": "x", "scope": "repository:a:pull,push"}
    answer = _post(client, **form, username="ann", password="secret")
    assert answer.status == 200
    assert answer.json()["scope"] == "repository:a:pull,push"
    assert connect(server, Authorization=f"Bearer {answer.json()['access_token']}").begin("a")
    assert _post(client, **form, username="ann", password="wrong").status == 401
    assert _post(client, grant_type="refresh_token", refresh_token="x").status == 400
    assert _post(client).status == 400
    assert client.ask("POST", "/token", b"\xff\xfe=1").status == 400
    assert client.ask("POST", "/token", b"x" * 70_000).status == 413


def test_basic_stays_accepted_everywhere(server: Running, connect: Connect) -> None:
    ann = connect(server, Authorization=ANN)
    assert ann.get("/v2/").status == 200
    ann.image("a", "1")
    assert ann.get("/v2/_catalog").json() == {"repositories": ["a"]}


def test_the_catalog_shows_what_the_user_may_pull_whatever_else_the_token_is_for(
    server: Running, connect: Connect
) -> None:
    ann = connect(server, Authorization=ANN)
    for name in ("a", "b"):
        ann.blob(name, b"x")
    token = ann.get("/token", scope="registry:catalog:*").json()["token"]
    holder = connect(server, Authorization=f"Bearer {token}")
    assert holder.get("/v2/_catalog").json() == {"repositories": ["a", "b"]}
    assert holder.get("/v2/a/tags/list").status == 401


def test_a_challenge_names_one_scope_and_why(server: Running, connect: Connect) -> None:
    nobody = connect(server)
    answer = nobody.ask("POST", "/v2/a/b/blobs/uploads/")
    assert _challenge(answer.header("WWW-Authenticate"))["scope"] == "repository:a/b:pull,push"
    assert _challenge(nobody.get("/v2/_catalog").header("WWW-Authenticate"))["scope"] == "registry:catalog:*"
    answer = nobody.delete("/v2/a/manifests/1")
    assert _challenge(answer.header("WWW-Authenticate"))["scope"] == "repository:a:delete"
    assert "error" not in _challenge(answer.header("WWW-Authenticate"))
    token = nobody.get("/token", scope="repository:a:pull").json()["token"]
    answer = connect(server, Authorization=f"Bearer {token}").ask("POST", "/v2/a/blobs/uploads/")
    assert _challenge(answer.header("WWW-Authenticate"))["error"] == "insufficient_scope"
    answer = connect(server, Authorization=f"Bearer {token}x").get("/v2/a/manifests/1")
    assert _challenge(answer.header("WWW-Authenticate"))["error"] == "invalid_token"


def test_the_realm_is_where_the_client_reached_the_server(
    serve: Serve, connect: Connect, memory: MemoryStore, htpasswd: Path
) -> None:
    settings = {"htpasswd": str(htpasswd), "anonymous_pull": True}

    def realm(server: Running, **headers: str) -> str:
        answer = connect(server, **headers).get("/v2/")
        return _challenge(answer.header("WWW-Authenticate"))["realm"]

    plain = serve(memory, **settings)
    assert realm(plain, Host="registry.lan:5000") == "http://registry.lan:5000/token"
    assert realm(plain, Host='evil"x', **{"X-Forwarded-Proto": "https"}) == f"http://127.0.0.1:{plain.port}/token"
    behind = serve(memory, trusted_proxies=("127.0.0.0/8",), **settings)
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "registry.example.org"}
    assert realm(behind, **forwarded) == "https://registry.example.org/token"
    assert realm(behind, Forwarded='for=1.2.3.4;proto=https;host="r.example"') == "https://r.example/token"
    assert realm(plain, Host="h", **forwarded) == "http://h/token"  # nobody who may say so
    external = serve(memory, external_url="https://outside.example", **settings)
    assert realm(external, Host="h") == "https://outside.example/token"


def test_without_anonymous_pulls_the_challenge_is_basic(
    serve: Serve, connect: Connect, memory: MemoryStore, htpasswd: Path
) -> None:
    server = serve(memory, htpasswd=str(htpasswd))
    client = connect(server)
    for target in ("/v2/", "/v2/a/manifests/1", "/v2/_catalog"):
        answer = client.get(target)
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        assert answer.header("WWW-Authenticate") == 'Basic realm="wherry", charset="UTF-8"'
    assert connect(server, Authorization=ANN).get("/v2/").status == 200
    assert client.get("/token").json()["scope"] == ""


def test_without_a_password_file_everybody_may_everything_and_there_are_no_tokens(
    serve: Serve, connect: Connect, memory: MemoryStore
) -> None:
    server = serve(memory, anonymous_pull=True)
    client = connect(server)
    assert client.get("/v2/").status == 200
    client.image("a", "1")
    assert client.delete("/v2/a/manifests/1").status == 202
    assert client.get("/token").status == 404
    assert connect(server, Authorization="Basic nonsense").get("/v2/").status == 200


def test_workers_with_one_secret_take_each_others_tokens(
    serve: Serve, connect: Connect, memory: MemoryStore, htpasswd: Path
) -> None:
    settings = {"htpasswd": str(htpasswd), "anonymous_pull": True}
    one, same, other = (serve(memory, secret=secret * 32, **settings) for secret in (b"s", b"s", b"t"))
    token = connect(one).get("/token", scope="repository:a:pull").json()["token"]
    assert connect(same, Authorization=f"Bearer {token}").get("/v2/").status == 200
    assert connect(other, Authorization=f"Bearer {token}").get("/v2/").status == 401


def test_upload_sessions_belong_to_their_user(server: Running, connect: Connect) -> None:
    ann = connect(server, Authorization=ANN)
    bob = connect(server, Authorization=basic("bob", "hidden"))
    location = ann.begin("a")
    ann.ask("PATCH", location, b"hello")
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        query = {"digest": sha256(b"hello")} if method == "PUT" else {}
        answer = bob.ask(method, location, b"" if method in ("PATCH", "PUT") else None, query=query)
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert ann.ask("PUT", location, query={"digest": sha256(b"hello")}).status == 201


def test_who_pushed_is_kept_with_the_manifest(server: Running, connect: Connect, memory: MemoryStore) -> None:
    digest = connect(server, Authorization=ANN).image("a", "1")
    stored = memory.records.get(f"repos/a/manifests/sha256/{digest[7:9]}/{digest[7:]}")
    assert stored is not None
    assert json.loads(stored.value.partition(b"\n")[0])["by"] == "ann"


def test_a_changed_file_is_in_force_within_a_second_for_passwords_and_tokens(
    serve: Serve, connect: Connect, memory: MemoryStore, tmp_path: Path
) -> None:
    file = write_htpasswd(tmp_path / "users", Credentials("ann", "secret"), Credentials("bob", "hidden"))
    server = serve(memory, htpasswd=str(file), anonymous_pull=True)
    ann, bob = connect(server, Authorization=ANN), connect(server, Authorization=basic("bob", "hidden"))
    token = ann.get("/token", scope="repository:a:pull,push").json()["token"]
    of_bob = bob.get("/token", scope="repository:a:pull,push").json()["token"]
    holder = connect(server, Authorization=f"Bearer {token}")
    assert holder.get("/v2/").status == ann.get("/v2/").status == 200
    hashed = bcrypt.hashpw(b"new", bcrypt.gensalt(5)).decode()
    new = file.with_name("new")
    kept = next(line for line in file.read_text().splitlines() if line.startswith("bob:"))
    new.write_text(f"ann:{hashed}\n{kept}\n")
    new.rename(file)
    wait_until("the old password is refused", lambda: ann.get("/v2/").status == 401)
    assert holder.get("/v2/").status == 401  # the token of the old password too
    assert connect(server, Authorization=basic("ann", "new")).get("/v2/").status == 200
    assert bob.get("/v2/").status == 200
    assert connect(server, Authorization=f"Bearer {of_bob}").get("/v2/").status == 200


def test_nothing_is_asked_of_a_client_before_it_is_allowed(server: Running) -> None:
    """Expect: 100-continue is answered after authorization, so no layer is sent in vain."""
    raw = Raw(server.port)
    raw.send(
        b"POST /v2/a/blobs/uploads/?digest=sha256:%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n"
        b"Expect: 100-continue\r\n\r\n" % (b"0" * 64)
    )
    answer = raw.answer()
    assert answer.status == 401
    assert answer.header("Connection") == "close"
    raw.close()


def test_a_refused_push_of_a_large_body_sees_its_answer(server: Running, connect: Connect) -> None:
    answer = connect(server).ask("POST", f"/v2/a/blobs/uploads/?digest={sha256(b'')}", bytes(200_000))
    assert answer.status == 401


def test_secrets_are_not_in_answers(server: Running, connect: Connect, store: Store) -> None:
    for authorization in (basic("ann", "wrong-but-close"), "Bearer abc.def"):
        answer = connect(server, Authorization=authorization).get("/v2/")
        assert b"close" not in answer.body and b"abc" not in answer.body
