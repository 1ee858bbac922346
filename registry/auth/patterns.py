"""Patterns of repositories and tags, as operators write them in settings."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Final

Matches = Callable[[str], bool]
MatchesTag = Callable[[str, str], bool]

# As fnmatch has it: a ] that comes first is one of the class.
_CLASS: Final = re.compile(r"\[!?+.[^\]]*\]", re.DOTALL)
_LOWER: Final = string.ascii_lowercase + string.digits
# What names are made of, and what they may begin and end with (distribution-spec, Pulling manifests).
_OF_REPOSITORIES: Final = (_LOWER + "._-/", _LOWER, _LOWER)
_WORD: Final = string.ascii_letters + string.digits + "_"
_OF_TAGS: Final = (_WORD + ".-", _WORD, _WORD + ".-")


def _nothing(repository: str) -> bool:
    return False


def check_repositories(pattern: str) -> None:
    """ValueError, with the reason, for a pattern that no repository's name can match."""
    _check(pattern, "repository", *_OF_REPOSITORIES)


def check_tags(pattern: str) -> None:
    """ValueError, with the reason, for `TAGS` or `REPOSITORIES:TAGS` that no tag can match."""
    repository, colon, tag = pattern.rpartition(":")
    if ":" in repository:
        raise ValueError("it has more than one colon")
    if not tag or (colon and not repository):
        raise ValueError("one side of its colon is empty")
    if colon:
        check_repositories(repository)
    _check(tag, "tag", *_OF_TAGS)


def _check(pattern: str, what: str, alphabet: str, first: str, last: str) -> None:
    parts = _parts(pattern)
    for number, part in enumerate(parts):
        if part == "*":
            continue
        allowed, where = alphabet, "has"
        if number == len(parts) - 1:
            allowed, where = last, "ends with"
        if number == 0:
            allowed, where = first, "begins with"
        match = re.compile(translate(part)).match
        if not any(match(character) for character in allowed):
            raise ValueError(f"no {what} {where} {part}")


def _parts(pattern: str) -> list[str]:
    """Each stands for one character, or is `*`. ValueError for a bracket that is not closed."""
    parts, at = [], 0
    while at < len(pattern):
        part = pattern[at]
        if part == "[":
            found = _CLASS.match(pattern, at)
            if found is None:
                raise ValueError("its [ is not closed")
            part = found[0]
        parts.append(part)
        at += len(part)
    return parts


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
