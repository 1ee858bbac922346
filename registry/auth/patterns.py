"""Patterns of repositories and tags, as operators write them in settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

Matches = Callable[[str], bool]
MatchesTag = Callable[[str, str], bool]


def _nothing(repository: str) -> bool:
    return False


def repositories(patterns: Sequence[str]) -> Matches:
    """Whether one of the patterns (`*`, `?`, `[...]`; `*` crosses `/`) is the whole name of a repository."""
    if not patterns:
        return _nothing
    return _any_of(patterns)


def tags(patterns: Sequence[str]) -> MatchesTag | None:
    """Whether a tag is meant by `REPOSITORIES:TAGS`, or by `TAGS` in every repository; None: there is no pattern."""
    if not patterns:
        return None
    everywhere = _any_of([pattern for pattern in patterns if ":" not in pattern])
    pairs = [
        (_any_of([repository]), _any_of([tag]))
        for repository, colon, tag in (pattern.rpartition(":") for pattern in patterns)
        if colon
    ]

    def matches(repository: str, tag: str) -> bool:
        return everywhere(tag) or any(of_repository(repository) and of_tag(tag) for of_repository, of_tag in pairs)

    return matches


def _any_of(patterns: Sequence[str]) -> Matches:
    if not patterns:
        return _nothing
    match = re.compile("|".join(translate(pattern) for pattern in patterns)).match
    return lambda text: match(text) is not None
