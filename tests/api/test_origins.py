"""Forwarded and X-Forwarded-*: believed of trusted proxies, and of nobody else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from registry.api.origins import Origins


class Asked:
    def __init__(self, peer: Any, tls: bool = False, sockname: Any = ("192.0.2.1", 5000), **headers: str) -> None:
        self.headers = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
        self.connection = self
        self.peername = peer
        self.sockname = sockname
        self.ssl_context = object() if tls else None


PROXY = ("10.0.0.1", 1234)
STRANGER = ("203.0.113.9", 1234)


def _origins() -> Origins:
    return Origins(None, ("10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        (STRANGER, {"X_Forwarded_For": "1.2.3.4"}, "203.0.113.9"),
        (STRANGER, {"Forwarded": "for=1.2.3.4"}, "203.0.113.9"),
        (PROXY, {}, "10.0.0.1"),
        (PROXY, {"X_Forwarded_For": "1.2.3.4"}, "1.2.3.4"),
        (PROXY, {"X_Forwarded_For": "6.6.6.6, 1.2.3.4"}, "1.2.3.4"),
        (PROXY, {"X_Forwarded_For": "6.6.6.6, 1.2.3.4, 10.9.9.9"}, "1.2.3.4"),
        (PROXY, {"X_Forwarded_For": "10.1.1.1, 10.2.2.2"}, "10.1.1.1"),
        (PROXY, {"X_Forwarded_For": "nonsense"}, "10.0.0.1"),
        (PROXY, {"Forwarded": 'for="[2001:db8::1]:443";proto=https, for=10.3.3.3'}, "2001:db8::1"),
        (PROXY, {"Forwarded": "for=1.2.3.4:55", "X_Forwarded_For": "6.6.6.6"}, "1.2.3.4"),
        (("fd00::1", 1, 0, 0), {"X_Forwarded_For": "::ffff:1.2.3.4"}, "1.2.3.4"),
        (("::ffff:10.0.0.1", 1, 0, 0), {"X_Forwarded_For": "1.2.3.4"}, "1.2.3.4"),
        ("", {"X_Forwarded_For": "1.2.3.4"}, None),
    ],
)
def test_where_a_client_is(peer: Any, headers: dict[str, str], client: str | None) -> None:
    request: Any = Asked(peer, **headers)
    assert _origins().client(request) == client


@pytest.mark.parametrize(
    ("request_", "base"),
    [
        (Asked(STRANGER, Host="r.example"), "http://r.example"),
        (Asked(STRANGER, tls=True, Host="r.example:5000"), "https://r.example:5000"),
        (Asked(STRANGER, Host="r.example", X_Forwarded_Proto="https", X_Forwarded_Host="evil"), "http://r.example"),
        (Asked(PROXY, Host="inner", X_Forwarded_Proto="https", X_Forwarded_Host="r.example"), "https://r.example"),
        (Asked(PROXY, Host="inner", X_Forwarded_Proto="gopher"), "http://inner"),
        (Asked(PROXY, Host="inner", Forwarded="proto=https;host=r.example"), "https://r.example"),
        (Asked(PROXY, Host="inner", Forwarded='host="r.example:1";proto=HTTPS;for=x'), "https://r.example:1"),
        (Asked(PROXY, Host="inner", Forwarded="host=evil, host=nearest"), "http://nearest"),
        (Asked(PROXY, Host="inner", X_Forwarded_Host='x"y'), "http://192.0.2.1:5000"),
        (Asked(STRANGER, Host="a b"), "http://192.0.2.1:5000"),
        (Asked(STRANGER, sockname=("::1", 5000, 0, 0)), "http://[::1]:5000"),
        (Asked("", sockname="/run/socket"), "http://localhost"),
        (Asked(STRANGER, Host="[::1]:5000"), "http://[::1]:5000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_where_a_client_reached_the_server(request_: Any, base: str) -> None:
    assert _origins().base(request_) == base


def test_an_external_url_is_all_there_is_to_say() -> None:
    request: Any = Asked(PROXY, Host="x", X_Forwarded_Host="y")
    origins = Origins("https://r.example/", ("10.0.0.0/8",))
    assert origins.base(request) == "https://r.example"
    assert origins.location("/v2/a") == "https://r.example/v2/a"
    assert Origins(None, ()).location("/v2/a") == "/v2/a"


@given(st.text(alphabet='for=proto;host,"\\[]: 1.x', max_size=60), st.text(alphabet='1.2, x:"[]', max_size=40))
def test_any_header_is_read_without_harm(forwarded: str, forwarded_for: str) -> None:
    request: Any = Asked(PROXY, Host="h", Forwarded=forwarded, X_Forwarded_For=forwarded_for)
    assert _origins().client(request)
    assert '"' not in _origins().base(request)
