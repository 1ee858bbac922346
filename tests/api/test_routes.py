"""Paths into routes, whatever is in them."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from oci_spec.digest import Digest
from oci_spec.errors import SpecError
from registry.api.errors import Refusal
from registry.api.routes import KEPT_LENGTH, KEPT_ROUTES, Route, Routes, parse

_COMPONENT = st.one_of(
    st.sampled_from(["blobs", "manifests", "tags", "list", "uploads", "referrers", "v2", "_catalog", "latest"]),
    st.from_regex(r"[a-z0-9]{1,3}([._-][a-z0-9]{1,3})?", fullmatch=True),
)
_NAME = st.lists(_COMPONENT.filter(lambda part: part != "_catalog"), min_size=1, max_size=4).map("/".join)
_TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,9}", fullmatch=True)
DIGEST = Digest.of(b"x")


def _parts(route: Route) -> tuple[object, ...]:
    return (route.kind, route.repository, route.tag, route.digest, route.uuid)


@given(_NAME, _TAG)
def test_every_route_is_read_from_its_right_end(name: str, tag: str) -> None:
    for path, expected in (
        (f"manifests/{tag}", ("manifest", name, tag, None, None)),
        (f"manifests/{DIGEST}", ("manifest", name, None, DIGEST, None)),
        (f"blobs/{DIGEST}", ("blob", name, None, DIGEST, None)),
        ("blobs/uploads/", ("uploads", name, None, None, None)),
        (f"blobs/uploads/{'0' * 32}", ("upload", name, None, None, "0" * 32)),
        ("tags/list", ("tags", name, None, None, None)),
        (f"referrers/{DIGEST}", ("referrers", name, None, DIGEST, None)),
    ):
        assert _parts(parse(f"/v2/{name}/{path}")) == expected
        escaped = "".join(f"%{ord(character):02x}" for character in f"{name}/{path}")
        assert _parts(parse(f"/v2/{escaped}")) == expected
        assert _parts(parse(f"https://host:1/v2/{name}/{path}")) == expected


@given(st.text(max_size=60))
def test_any_path_is_a_route_or_an_error_that_the_client_is_told(text: str) -> None:
    for path in (text, f"/{text}", f"/v2/{text}", f"/v2/a/manifests/{text}", f"/v2/{quote(text, safe='%/:')}"):
        try:
            route = parse(path)
        except Refusal as refusal:
            assert refusal.status in (400, 404)
        except SpecError:
            pass
        else:
            assert ".." not in f"{route.repository}/{route.tag}".split("/")


def test_what_is_remembered_is_bounded() -> None:
    routes = Routes()
    for number in range(KEPT_ROUTES + 10):
        assert routes.of(f"/v2/a{number}/tags/list").repository == f"a{number}"
    assert len(routes._kept) <= KEPT_ROUTES
    long = "/v2/" + "a" * 200 + "/manifests/" + "%61" * 120
    assert len(long) > KEPT_LENGTH
    routes.of(long)
    routes.of(f"/v2/a/blobs/uploads/{'1' * 32}")
    assert long not in routes._kept
    assert not any("uploads" in path for path in routes._kept)
