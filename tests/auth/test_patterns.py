"""Patterns of repositories and tags."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_spec import reference
from oci_spec.errors import InvalidName
from registry.auth import patterns


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a", ["a"], ["a/b", "ab", "b"]),
        ("mirror/*", ["mirror/a", "mirror/a/b"], ["mirror", "mirrors/a", "x/mirror/a"]),
        ("*", ["a", "a/b"], []),
        ("a?", ["ab", "a/"], ["a", "abc"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_repositories(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = patterns.repositories((pattern,))
    assert all(map(matches, yes)) and not any(map(matches, no))


def test_no_pattern_means_nothing() -> None:
    assert not patterns.repositories(())("a")
    assert patterns.tags(()) is None


def test_a_tag_pattern_is_for_every_repository_or_for_some() -> None:
    matches = patterns.tags(("v*", "release/*:*", "app:latest"))
    assert matches is not None
    for repository, tag in (("any", "v1"), ("release/x", "any"), ("app", "latest")):
        assert matches(repository, tag)
    for repository, tag in (("any", "latest"), ("release", "x"), ("apps", "latest"), ("any", "xv1")):
        assert not matches(repository, tag)


@given(st.lists(st.text(min_size=1, max_size=10), max_size=4), st.text(max_size=10), st.text(max_size=10))
def test_any_pattern_is_read(texts: list[str], repository: str, tag: str) -> None:
    patterns.repositories(texts)(repository)
    matches = patterns.tags(texts)
    if matches is not None:
        matches(repository, tag)


def is_name(text: str) -> bool:
    try:
        reference.parse_name(text)
    except InvalidName:
        return False
    return True


@given(st.text(alphabet="ab.-_/[]!*?", min_size=1, max_size=6))
def test_a_pattern_that_is_refused_matches_no_name(pattern: str) -> None:
    try:
        patterns.check_repositories(pattern)
    except ValueError:
        matches = patterns.repositories((pattern,))
        names = [name for size in (1, 2, 3) for name in map("".join, product("ab0.-_/", repeat=size))]
        assert not any(map(matches, filter(is_name, names)))


@pytest.mark.parametrize("pattern", ["v*", "*", "?", "[v]*", "v[0-9].[!0]", "[]v]", "*.", "release/*:*", "a?b:_x"])
def test_a_pattern_that_can_match_is_taken(pattern: str) -> None:
    patterns.check_tags(pattern)
