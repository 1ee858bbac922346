"""How the value of one setting is read from text or TOML, and written back as TOML.

A kind's `read` takes what a TOML file, a variable or a flag gives (a string always; numbers, booleans and lists
from a file) and raises ValueError whose text says what is accepted. `toml` gives text from which `read` makes
an equal value.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"([0-9]+)\s*(?:([KMGT])(?:I?B)?|B)?", re.IGNORECASE)
_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


class Kind(ABC):
    """One kind of value; `accepts` ends the sentence "give ..."."""

    __slots__ = ("accepts",)

    def __init__(self, accepts: str) -> None:
        self.accepts = accepts

    @abstractmethod
    def read(self, raw: object) -> Any:
        """The value that text or TOML stands for. ValueError where it is not accepted."""

    @abstractmethod
    def toml(self, value: Any) -> str:
        """The value as a configuration file has it."""

    def refuse(self) -> ValueError:
        return ValueError(self.accepts)


class Text(Kind):
    """A line of text. `check` raises ValueError with what is accepted; its result replaces the text if it is one."""

    __slots__ = ("_check", "_optional")

    def __init__(self, accepts: str, *, optional: bool = False, check: Callable[[str], object] | None = None) -> None:
        super().__init__(accepts)
        self._optional, self._check = optional, check

    def read(self, raw: object) -> str | None:
        if not isinstance(raw, str):
            raise self.refuse()
        if not raw and self._optional:
            return None
        if not raw or not is_plain(raw):
            raise self.refuse()
        if self._check is not None:
            checked = self._check(raw)
            return checked if isinstance(checked, str) else raw
        return raw

    def toml(self, value: str) -> str:
        return quoted(value)


class Texts(Kind):
    """Several texts: a list or one string in a file, repeated flags, commas in a variable (`split`).

    One empty text alone is an empty list: what takes back a farther source.
    """

    __slots__ = ("_check", "_least")

    def __init__(self, accepts: str, check: Callable[[str], object], *, least: int = 0) -> None:
        super().__init__(accepts)
        self._check, self._least = check, least

    def read(self, raw: object) -> tuple[str, ...]:
        texts = [raw] if isinstance(raw, str) else raw
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and is_plain(text) for text in texts):
            raise self.refuse()
        kept = () if list(texts) == [""] else tuple(texts)
        if len(kept) < self._least:
            raise self.refuse()
        if "" in kept:
            raise ValueError(f"{self.accepts}; one of them is empty")
        for text in kept:
            try:
                self._check(text)
            except ValueError as error:
                raise ValueError(f"{self.accepts}; {quoted(text)} is not: {error}") from None
        return kept

    def split(self, text: str) -> list[str]:
        return [part.strip() for part in text.split(",")]

    def toml(self, value: tuple[str, ...]) -> str:
        return "[" + ", ".join(map(quoted, value)) + "]"


class Choice(Kind):
    """One of a few words."""

    __slots__ = ("names",)

    def __init__(self, *names: str) -> None:
        super().__init__("one of " + ", ".join(names))
        self.names = names

    def read(self, raw: object) -> str:
        if raw not in self.names:
            raise self.refuse()
        return str(raw)

    def toml(self, value: str) -> str:
        return quoted(value)


class Switch(Kind):
    """Yes or no."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("true or false")

    def read(self, raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        word = raw.lower() if isinstance(raw, str) else ""
        if word not in _TRUE and word not in _FALSE:
            raise self.refuse()
        return word in _TRUE

    def toml(self, value: bool) -> str:
        return "true" if value else "false"


class Count(Kind):
    """A whole number."""

    __slots__ = ("_least", "_most")

    def __init__(self, least: int, most: int) -> None:
        super().__init__(f"a whole number from {least} to {most}")
        self._least, self._most = least, most

    def read(self, raw: object) -> int:
        if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 20:
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not self._least <= raw <= self._most:
            raise self.refuse()
        return raw

    def toml(self, value: int) -> str:
        return str(value)


class Duration(Kind):
    """Seconds as a float; text carries a unit, none means seconds."""

    __slots__ = ("_least", "_optional")

    def __init__(self, *, least: float = 0, optional: bool = False) -> None:
        bound = f" of at least {duration_text(least)}" if least else ""
        super().__init__(f"a time{bound} in seconds or with a unit: 30, 30s, 10m, 24h, 7d" + (" or off" * optional))
        self._least, self._optional = least, optional

    def read(self, raw: object) -> float | None:
        if self._optional and raw in ("", "off"):
            return None
        if isinstance(raw, str):
            given = _DURATION.fullmatch(raw)
            if given is None or not raw.isascii():
                raise self.refuse()
            raw = float(given[1]) * _SECONDS[given[2] or "s"]
        if not isinstance(raw, int | float) or isinstance(raw, bool):
            raise self.refuse()
        try:
            seconds = float(raw)
        except OverflowError:
            raise self.refuse() from None
        # Ten thousand years: what time.time() plus a setting can still be added to without surprises.
        if not math.isfinite(seconds) or not self._least <= seconds <= 3.2e11:
            raise self.refuse()
        return seconds

    def toml(self, value: float) -> str:
        return quoted(duration_text(value)) if value.is_integer() else repr(value)


class Size(Kind):
    """Bytes as an int; units are powers of 1024 whether written K, KB or KiB, as docker reads them."""

    __slots__ = ("_least",)

    def __init__(self, *, least: int = 0) -> None:
        bound = f" of at least {size_text(least)}" if least else ""
        super().__init__(f"a size{bound} in bytes or with a unit of 1024s: 10, 10K, 64M, 1GiB")
        self._least = least

    def read(self, raw: object) -> int:
        if isinstance(raw, str):
            given = _SIZE.fullmatch(raw)
            if given is None or not raw.isascii() or len(raw) > 24:
                raise self.refuse()
            raw = int(given[1]) * _BYTES.get((given[2] or "").upper(), 1)
        if not isinstance(raw, int) or isinstance(raw, bool) or not self._least <= raw < 1 << 63:
            raise self.refuse()
        return raw

    def toml(self, value: int) -> str:
        return quoted(size_text(value)) if value >= 1024 and value % 1024 == 0 else str(value)


def duration_text(seconds: float) -> str:
    """`90m`, `24h`, `7d`: the longest unit that divides whole seconds; days from two on."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0 and (unit != "d" or seconds >= 2 * length):
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s" if float(seconds).is_integer() else f"{seconds}s"


def size_text(count: int) -> str:
    """`512MiB`: the largest unit that divides the bytes."""
    for unit, length in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count and count % length == 0:
            return f"{count // length}{unit}"
    return str(count)


def quoted(text: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's, but for DEL, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def is_plain(text: str) -> bool:
    """Whether text can be a name or a path: UTF-8, without NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
