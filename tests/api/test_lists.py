"""tags/list and _catalog: server.md, Lists; distribution-spec, Listing Tags."""

import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_backends.base import Store
from storage_backends.memory import MemoryStore
from tests.api.client import Client, sha256
from tests.api.conftest import Connect, Serve
from tests.api.running import Running

TAGS = ["1", "1.0", "10", "2", "A", "Z", "_x", "a", "a-b", "a.b", "b"]


def _tagged(client: Client, repository: str = "a", tags: list[str] = TAGS) -> None:
    document = client.image_document(repository)
    assert client.manifest(repository, sha256(document), document, tags=tags).status == 201


def _next(link: str) -> str:
    match = re.fullmatch(r'<(/[^>]+)>; rel="next"', link)
    assert match is not None, link
    return match[1]


def _walk(client: Client, target: str, field: str) -> list[list[str]]:
    pages = []
    while True:
        answer = client.get(target)
        assert answer.status == 200
        pages.append(answer.json()[field])
        if answer.headers["Link"] is None:
            return pages
        target = _next(answer.header("Link"))


def test_tags_come_in_byte_order(client: Client) -> None:
    _tagged(client)
    answer = client.get("/v2/a/tags/list")
    assert answer.json() == {"name": "a", "tags": sorted(TAGS, key=str.encode)}
    assert answer.headers["Link"] is None
    assert client.head("/v2/a/tags/list").header("Content-Length") == answer.header("Content-Length")


def test_a_repository_without_tags_has_an_empty_list_never_null(client: Client) -> None:
    client.blob("a", b"x")
    answer = client.get("/v2/a/tags/list")
    assert (answer.status, answer.json()) == (200, {"name": "a", "tags": []})


def test_an_unknown_repository_is_404_whatever_n_is(client: Client) -> None:
    for query in ({}, {"n": 0}, {"n": 5, "last": "x"}):
        answer = client.get("/v2/none/tags/list", **query)
        assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize("n", [1, 3, 10, 11, 12])
def test_pages_link_to_the_next_and_hold_everything_once(client: Client, n: int) -> None:
    _tagged(client)
    pages = _walk(client, f"/v2/a/tags/list?n={n}", "tags")
    assert [tag for page in pages for tag in page] == sorted(TAGS)
    assert all(len(page) == n for page in pages[:-1])
    assert len(pages) == -(-len(TAGS) // n)  # a full last page links nowhere


def test_n_of_zero_is_an_empty_page_without_link(client: Client) -> None:
    _tagged(client)
    answer = client.get("/v2/a/tags/list", n=0)
    assert answer.json()["tags"] == []
    assert answer.headers["Link"] is None


def test_last_works_without_n_and_need_not_exist(client: Client) -> None:
    _tagged(client)
    ordered = sorted(TAGS)
    assert client.get("/v2/a/tags/list", last="a").json()["tags"] == ["a-b", "a.b", "b"]
    assert client.get("/v2/a/tags/list", last="9").json()["tags"] == [tag for tag in ordered if tag > "9"]
    assert client.get("/v2/a/tags/list", last="zzz").json()["tags"] == []
    assert client.get("/v2/a/tags/list", last="").json()["tags"] == ordered
    assert client.get("/v2/a/tags/list", n=2, last="10").json()["tags"] == ["2", "A"]


@pytest.mark.parametrize("last", ["/", "..", "../x", "a/b", "\0", "é", "x" * 5000, "%", "a\nb", "\ud800"])
def test_any_last_is_only_compared(client: Client, last: str) -> None:
    _tagged(client)
    query = quote(last, errors="surrogatepass")
    for target in ("/v2/a/tags/list", "/v2/_catalog"):
        answer = client.get(f"{target}?last={query}")
        assert answer.status in (200, 400), answer
        assert client.get(f"{target}?n=1&last={query}").status == answer.status


@pytest.mark.parametrize("n", ["-1", "x", "1.5", "", "+1", "1" * 30, "0x1", "\u0661"])
def test_an_n_that_is_no_number_is_400(client: Client, n: str) -> None:
    _tagged(client)
    for target in ("/v2/a/tags/list", "/v2/_catalog"):
        answer = client.get(target, n=n)
        assert (answer.status, answer.code) == (400, "PAGINATION_NUMBER_INVALID")


def test_n_above_the_cap_is_clamped(serve: Serve, connect: Connect, store: Store) -> None:
    client = connect(serve(store, page_limit=4))
    _tagged(client)
    for target in ("/v2/a/tags/list?n=1000", "/v2/a/tags/list"):
        pages = _walk(client, target, "tags")
        assert [len(page) for page in pages] == [4, 4, 3]


def test_only_tags_that_show_something_are_listed(client: Client) -> None:
    digest = client.image("a", "gone", b"one")
    client.image("a", "here", b"two")
    client.delete(f"/v2/a/manifests/{digest}")
    assert client.get("/v2/a/tags/list").json()["tags"] == ["here"]
    assert client.get("/v2/a/tags/list", n=1).json()["tags"] == ["here"]


NAMES = ["a", "a/b", "a/b/c", "a-b", "a.b", "a0", "b"]


def test_the_catalog_lists_repositories_by_component(client: Client) -> None:
    for name in NAMES:
        client.blob(name, b"x")
    expected = ["a", "a/b", "a/b/c", "a-b", "a.b", "a0", "b"]  # `/` is the lowest
    assert client.get("/v2/_catalog").json() == {"repositories": expected}
    for n in (1, 2, 7, 8):
        pages = _walk(client, f"/v2/_catalog?n={n}", "repositories")
        assert [name for page in pages for name in page] == expected
    assert client.get("/v2/_catalog", last="a/b").json()["repositories"] == ["a/b/c", "a-b", "a.b", "a0", "b"]
    assert client.get("/v2/_catalog", n=0).json() == {"repositories": []}


def test_an_empty_catalog_is_an_empty_list(client: Client) -> None:
    assert client.get("/v2/_catalog").json() == {"repositories": []}


def test_ns_is_ignored(client: Client) -> None:
    client.image("a", "1")
    assert client.get("/v2/a/manifests/1", ns="docker.io").status == 200
    assert client.get("/v2/a/tags/list", ns="docker.io").json()["tags"] == ["1"]


_TAG = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,6}", fullmatch=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tags=st.lists(_TAG, min_size=1, max_size=30, unique=True), n=st.integers(1, 10), last=_TAG)
def test_any_tags_in_any_pages(tags: list[str], n: int, last: str) -> None:
    with Running(MemoryStore()) as server:
        client = Client(server.port)
        _tagged(client, "a", tags)
        pages = _walk(client, f"/v2/a/tags/list?n={n}&last={last}", "tags")
        assert [tag for page in pages for tag in page] == sorted(tag for tag in tags if tag > last)
        client.close()
