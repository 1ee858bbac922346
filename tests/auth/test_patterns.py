"""Patterns of repositories and tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
