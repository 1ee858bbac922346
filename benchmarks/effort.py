"""How long, how often, how much: the full run and the quick one."""

from __future__ import annotations

from typing import Final


class Effort:
    """`rounds` per case and server; `seconds` a round of a load that runs for a time; the rest are counts a round.

    Seconds are whole ones: wrk knows no others.
    """

    __slots__ = ("downloads", "images", "rounds", "seconds", "uploads", "warm_seconds")

    def __init__(
        self, *, rounds: int, seconds: int, warm_seconds: int, downloads: int, uploads: int, images: int
    ) -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.warm_seconds = warm_seconds
        self.downloads = downloads
        self.uploads = uploads
        self.images = images

    def replace(self, **changed: int) -> Effort:
        """This effort with others in its place."""
        return Effort(**{**{name: getattr(self, name) for name in self.__slots__}, **changed})

    def warm(self) -> Effort:
        """What goes before the first round of a case and is not counted."""
        return self.replace(seconds=self.warm_seconds, downloads=1, uploads=1, images=1)


FULL: Final = Effort(rounds=5, seconds=3, warm_seconds=1, downloads=20, uploads=3, images=10)
QUICK: Final = Effort(rounds=3, seconds=1, warm_seconds=1, downloads=5, uploads=1, images=3)
