import copy
import itertools
import pickle
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_spec.digest import Digest
from oci_spec.errors import InvalidName, InvalidReference, InvalidTag, SpecError
from oci_spec.reference import Reference, parse_name, parse_tag

DIGEST = Digest.of(b"content")

GOOD_NAMES = [
    "a",
    "0",
    "nginx",
    "library/nginx",
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a------b",
    "a.b_c__d-e---f",
    "a/b/c/d/e/f/g/h",
    "blobs/manifests/tags/list",
    "v2/catalog",
    "a" * 255,
    "a/" * 127 + "a",
]
BAD_NAMES = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "A",
    "aB",
    ".",
    "..",
    "a/../b",
    "a/.",
    ".a",
    "a.",
    "a..b",
    "a._b",
    "a.-b",
    "_a",
    "a_",
    "a___b",
    "a-_b",
    "-a",
    "a-",
    "a b",
    "a\n",
    "a/b\n",
    "\na",
    "a\0",
    "a!b",
    "a%2fb",
    "a\\b",
    "a:b",
    "a@b",
    "é",
    "aﬀ",
    "a\u0661",
    "\udcff",
    "a" * 256,
    "a/" * 128 + "a",
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_names_of_the_specification_are_taken(name: str) -> None:
    assert parse_name(name) == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_other_names_are_refused_and_shown(name: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_name(name)
    assert repr(name[:100]) in caught.value.message
    assert caught.value.message.isprintable()


def test_names_agree_with_the_specifications_expression_on_every_short_text() -> None:
    # distribution-spec, Pulling manifests, to the letter
    expression = re.compile(
        r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*",
    )
    tried = taken = 0
    for length in range(1, 7):
        for letters in itertools.product("aZ._-/", repeat=length):
            name = "".join(letters)
            try:
                parse_name(name)
                ok = True
            except InvalidName:
                ok = False
            assert ok == (expression.fullmatch(name) is not None), name
            tried += 1
            taken += ok
    assert tried == 55_986
    assert taken > 100


@pytest.mark.parametrize("tag", ["a", "_", "0", "latest", "v1.2.3-rc.1", "A_b-C.d", "_.-", "a" * 128])
def test_tags_of_the_specification_are_taken(tag: str) -> None:
    assert parse_tag(tag) == tag


@pytest.mark.parametrize(
    "tag",
    ["", ".", ".a", "-a", "a" * 129, "a\n", "\n", "a b", "a/b", "a:b", "a@b", "é", "a\0", "\ud800", "a+b", "\u0661"],
)
def test_other_tags_are_refused_and_shown(tag: str) -> None:
    with pytest.raises(InvalidTag) as caught:
        parse_tag(tag)
    assert repr(tag[:100]) in caught.value.message
    assert caught.value.message.isprintable()


HOSTILE = ["a", "-", "a-", "a.", "a_", "a__", "a/", "-a", "0", "a" * 50 + "-", "[", ":", "1", "[:", "@", "a:", "/"]


@pytest.mark.parametrize("part", HOSTILE)
@pytest.mark.parametrize("end", ["!", "\n", "A", "-", "_", "/", "@", ":"])
def test_hostile_texts_are_refused_in_linear_time(part: str, end: str) -> None:
    # the longest that passes the limits of length, and far past them
    texts = [part * (size // len(part)) + end for size in (250, 1_000_000)]
    started = time.process_time()
    for text in texts:
        for parse in (parse_name, parse_tag, Reference.parse):
            try:
                parse(text)
            except SpecError as error:
                assert len(error.message) < 1000
    assert time.process_time() - started < 1


@pytest.mark.parametrize("part", ["a", "a-", "a.", "a__", "a/", "ab--", "a" * 50 + "/"])
def test_the_patterns_themselves_are_linear_without_a_limit_of_length(part: str) -> None:
    from oci_spec import reference  # the patterns, past the limits that guard them

    for match in (reference._match_name, reference._match_host):
        started = time.process_time()
        assert match(part * (1_000_000 // len(part)) + "!") is None
        assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"),
        ("library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("ann/app", "docker.io/ann/app:latest", "ann/app:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:x", "localhost:5000/app:x", "localhost:5000/app:x"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("host:5000/a/b:x", "host:5000/a/b:x", "host:5000/a/b:x"),
        ("example.com/a", "example.com/a:latest", "example.com/a:latest"),
        ("Example.COM/a", "Example.COM/a:latest", "Example.COM/a:latest"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a:latest"),
        ("[::1]/a", "[::1]/a:latest", "[::1]/a:latest"),
        ("[2001:db8::1]:5000/a/b:c", "[2001:db8::1]:5000/a/b:c", "[2001:db8::1]:5000/a/b:c"),
        ("docker.io/localhost/app", "docker.io/localhost/app:latest", "docker.io/localhost/app:latest"),
        ("docker.io/a.b/app", "docker.io/a.b/app:latest", "docker.io/a.b/app:latest"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
        (f"nginx:1@{DIGEST}", f"docker.io/library/nginx:1@{DIGEST}", f"nginx:1@{DIGEST}"),
        (f"h:1/n:1@{DIGEST}", f"h:1/n:1@{DIGEST}", f"h:1/n:1@{DIGEST}"),
        ("a" * 64 + ":x", f"docker.io/library/{'a' * 64}:x", "a" * 64 + ":x"),
    ],
)
def test_references_are_normalised_as_docker_does(text: str, canonical: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == canonical
    assert reference.familiar() == familiar
    assert Reference.parse(canonical) == reference == Reference.parse(familiar)
    assert hash(Reference.parse(canonical)) == hash(reference)


def test_the_parts_of_a_reference_are_values() -> None:
    reference = Reference.parse(f"host.example:5000/team/app:v1@{DIGEST}")
    assert reference.registry == "host.example:5000"
    assert reference.repository == "team/app"
    assert reference.tag == "v1"
    assert reference.digest == DIGEST
    assert Reference.parse(f"a@{DIGEST}").tag is None
    assert Reference.parse("a").digest is None


def test_a_default_registry_stands_in_for_an_absent_host_alone() -> None:
    assert str(Reference.parse("app", "127.0.0.1:5000")) == "127.0.0.1:5000/app:latest"
    assert str(Reference.parse("team/app:1", "r.example")) == "r.example/team/app:1"
    assert str(Reference.parse("other.example/app", "r.example")) == "other.example/app:latest"
    assert str(Reference.parse("docker.io/app", "r.example")) == "docker.io/library/app:latest"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "repository name"),
        (":tag", "repository name"),
        ("@", "digest"),
        ("a@", "digest"),
        ("a@sha256:0", "digest"),
        (f"a@{DIGEST}@{DIGEST}", "digest"),
        (f"@{DIGEST}", "repository name"),
        ("a:", "tag"),
        ("a:b:c", "repository name"),
        ("a:.b", "tag"),
        ("A", "repository name"),
        ("Ann/app", "repository name"),
        ("a//b", "repository name"),
        ("localhost/", "repository name"),
        ("localhost:5000/", "repository name"),
        ("host:port/a", "registry"),
        ("host:0/a", "registry"),
        ("host:65536/a", "registry"),
        ("host:999999/a", "registry"),
        ("ho_st.com/a", "registry"),
        ("-a.com/b", "registry"),
        ("a..com/b", "registry"),
        ("./b", "registry"),
        ("../b", "registry"),
        (":5000/b", "registry"),
        ("[::1/b", "registry"),
        ("[]/b", "registry"),
        ("[::1]x/b", "registry"),
        ("[::1%25eth0]/b", "registry"),
        ("user:secret@host.com/a", "digest"),
        ("http://host.com/a", "registry"),
        ("a.com/b\n", "repository name"),
        ("a.com/b:c\n", "tag"),
        ("a" * 64, "image ID"),
        ("x.com/" + "a" * 256, "repository name"),
        ("x." * 200 + "com/a", "registry"),
    ],
)
def test_other_references_are_refused_with_the_part_that_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert reason in caught.value.message
    assert repr(text[:100]) in caught.value.message


def test_a_reference_made_of_parts_is_checked_too() -> None:
    assert str(Reference("docker.io", "app")) == "docker.io/library/app:latest"
    assert str(Reference("h.example", "app", None, DIGEST)) == f"h.example/app@{DIGEST}"
    with pytest.raises(InvalidName):
        Reference("h.example", "App")
    with pytest.raises(InvalidTag):
        Reference("h.example", "app", "")
    with pytest.raises(InvalidReference):
        Reference("h example", "app")


def test_a_reference_does_not_change_and_survives_copying() -> None:
    reference = Reference.parse(f"h.example/a:b@{DIGEST}")
    with pytest.raises(AttributeError):
        reference.tag = "c"
    with pytest.raises(AttributeError):
        del reference.tag
    assert copy.deepcopy(reference) == pickle.loads(pickle.dumps(reference)) == reference
    assert reference != str(reference)


components = st.from_regex(r"[a-z0-9]{1,4}(?:(?:\.|__?|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
names = st.lists(components, min_size=1, max_size=4).map("/".join)
hosts = st.one_of(
    st.just("docker.io"),
    st.just("localhost"),
    st.from_regex(r"[a-zA-Z0-9]{1,5}(?:-[a-z0-9])?\.[a-z]{1,4}(?::[1-9][0-9]{0,3})?", fullmatch=True),
    st.from_regex(r"\[[0-9a-f:]{2,8}\](?::[1-9][0-9]{0,3})?", fullmatch=True),
)
tags = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}", fullmatch=True)


@given(hosts, names, st.none() | tags, st.none() | st.binary().map(Digest.of))
def test_references_round_trip_through_both_texts(host: str, name: str, tag: str | None, digest: Digest | None) -> None:
    reference = Reference(host, name, tag, digest)
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(str(reference), "other.example") == reference
    assert Reference.parse(reference.familiar()) == reference
    assert str(Reference.parse(reference.familiar())) == str(reference)


@given(st.text(max_size=100) | st.text("aA0._-/:@[]\n", max_size=30))
def test_any_text_is_a_reference_or_refused_with_the_one_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return
    assert Reference.parse(str(reference)) == reference
    assert reference.tag is not None or reference.digest is not None


@given(st.text(max_size=300) | st.text("a._-/", max_size=20))
def test_any_text_is_a_name_and_a_tag_or_refused(text: str) -> None:
    try:
        assert parse_name(text) == text
        assert text.isascii() and len(text) <= 255 and ".." not in text
    except InvalidName:
        pass
    try:
        assert parse_tag(text) == text
        assert text.isascii() and 0 < len(text) <= 128 and "/" not in text
    except InvalidTag:
        pass
