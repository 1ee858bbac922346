"""Every interleaving and crash of the step functions is safe, and each wrong order is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.search import mutants
from tests.search.configurations import configurations
from tests.search.explorer import search
from tests.search.mutants import Mutant

LARGE = {  # more than 100,000 states each: in `make soak`
    "PUT | push | 2 link gc | record gc",
    "tag move | tag move back | 2 untagged gc",
    "DELETE | re-PUT | re-PUT with tag | tag tidy",
    "index PUT, tag | child DELETE, untagged gc | link gc",
    "push | session, record, link gc | 2 trash",
    "tag DELETE | tag DELETE | re-PUT with tag | untagged gc",
}
TITLES = [found.title for found in configurations(mutants.real())]


def _marked(titles: list[str]) -> list[Any]:
    return [pytest.param(title, marks=pytest.mark.soak) if title in LARGE else title for title in titles]


@pytest.mark.parametrize("title", _marked(TITLES))
def test_every_interleaving_is_safe(title: str, record_property: Callable[[str, object], None]) -> None:
    found = next(found for found in configurations(mutants.real()) if found.title == title)
    states, stores, broken = search(found)
    record_property("states", states)
    print(f"{title}: {states:,} states, {stores:,} stores")
    assert broken is None
    assert states > 10, "a search of nothing"


@pytest.mark.parametrize("mutant", list(mutants.mutants()), ids=lambda mutant: mutant.clause)
def test_a_wrong_order_is_caught(mutant: Mutant, record_property: Callable[[str, object], None]) -> None:
    code = mutants.mutated(mutant)
    total = 0
    for found in configurations(code):
        if found.title.startswith(mutant.where):
            states, _, broken = search(found)
            total += states
            if broken is not None:
                record_property("states", total)
                print(f"{mutant.clause}: caught after {total:,} states in {found.title}: {broken}")
                return
    pytest.fail(f"{mutant.clause}: not caught in {total:,} states")
