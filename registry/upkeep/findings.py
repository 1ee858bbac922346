"""What the check of everything tells."""

from __future__ import annotations

from typing import Any, NamedTuple


class Finding(NamedTuple):
    """Something broken. `kind` is one of

    - ``stray``: a key that nothing of ours spells;
    - ``record``: what is stored does not parse, or lacks a field;
    - ``bytes-missing``, ``bytes-size``, ``bytes-digest``: of a blob that readers are to get;
    - ``manifest-digest``: the manifest's bytes have another digest;
    - ``part``: a manifest that readers get names what they do not get;
    - ``referrer``: its subject's list does not say what the manifest does;
    - ``tag``: it shows a manifest that is not accepted.
    """

    kind: str
    key: str
    text: str


class FsckReport(NamedTuple):
    """`checked` and `unreferenced` count by kind; `hashed` are bytes, `quarantined` blobs."""

    checked: dict[str, int]
    hashed: int
    broken: list[Finding]
    unreferenced: dict[str, int]
    quarantined: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """By name; JSON can carry it."""
        return {**self._asdict(), "broken": [finding._asdict() for finding in self.broken]}
