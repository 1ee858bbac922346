"""Digests of content (image-spec, Digests)."""

from __future__ import annotations

import hashlib
import re

from oci_spec.errors import InvalidDigest, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Protocol

    class Hasher(Protocol):
        """What hashlib's objects do; `update` leaves the interpreter lock for buffers over 2 KiB."""

        @property
        def digest_size(self) -> int: ...
        def update(self, data: bytes | bytearray | memoryview, /) -> None: ...
        def digest(self) -> bytes: ...
        def hexdigest(self) -> str: ...


ALGORITHMS: tuple[str, ...] = ("sha256", "sha512")

_HASHERS: dict[str, Callable[[], Hasher]] = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_match = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}").fullmatch
_PREFIX = len("sha256:")
_SHA256_LENGTH = _PREFIX + 64


def new_hasher(algorithm: str) -> Hasher:
    """Return a fresh hashlib object; InvalidDigest for an algorithm outside ALGORITHMS."""
    try:
        make = _HASHERS[algorithm]
    except KeyError:
        raise InvalidDigest(
            f"unknown digest algorithm {shown(algorithm)}: expected one of {', '.join(ALGORITHMS)}"
        ) from None
    return make()


class Digest:
    """`ALGORITHM:HEX`, always valid. Ordered as its text is."""

    __slots__ = ("algorithm", "hex")

    algorithm: str
    hex: str

    def __new__(cls, algorithm: str, hex: str) -> Digest:
        """Join the two parts; InvalidDigest as `parse`."""
        return cls.parse(f"{algorithm}:{hex}")

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `sha256:` or `sha512:` and lower-case hex of the exact length; else InvalidDigest."""
        if _match(text) is None:
            raise InvalidDigest(
                f"invalid digest {shown(text)}: expected sha256: and 64, or sha512: and 128, lower-case hex digits"
            )
        return cls._trusted("sha256" if len(text) == _SHA256_LENGTH else "sha512", text[_PREFIX:])

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview, algorithm: str = "sha256") -> Digest:
        """Hash `data`; InvalidDigest for an algorithm outside ALGORITHMS."""
        hasher = new_hasher(algorithm)
        hasher.update(data)
        return cls._trusted(algorithm, hasher.hexdigest())

    @classmethod
    def _trusted(cls, algorithm: str, hex: str) -> Digest:
        self = object.__new__(cls)
        _set_algorithm(self, algorithm)
        _set_hex(self, hex)
        return self

    def hasher(self) -> Hasher:
        """Return a fresh hashlib object of this digest's algorithm."""
        return _HASHERS[self.algorithm]()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    def __repr__(self) -> str:
        return f"Digest({self.algorithm}:{self.hex})"

    def __hash__(self) -> int:
        return hash(self.hex)

    def __eq__(self, other: object) -> bool:
        # the hex of the two algorithms differs in length, so it alone decides
        return self.hex == other.hex if isinstance(other, Digest) else NotImplemented

    def __lt__(self, other: Digest) -> bool:
        return (self.algorithm, self.hex) < (other.algorithm, other.hex)

    def __le__(self, other: Digest) -> bool:
        return (self.algorithm, self.hex) <= (other.algorithm, other.hex)

    def __gt__(self, other: Digest) -> bool:
        return (self.algorithm, self.hex) > (other.algorithm, other.hex)

    def __ge__(self, other: Digest) -> bool:
        return (self.algorithm, self.hex) >= (other.algorithm, other.hex)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Digest does not change; its {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Digest does not change; its {name} cannot be deleted")

    def __reduce__(self) -> tuple[Callable[[str], Digest], tuple[str]]:
        return Digest.parse, (str(self),)


# The slots' own setters: past __setattr__, and faster than object.__setattr__, which looks them up by name.
_set_algorithm = Digest.__dict__["algorithm"].__set__
_set_hex = Digest.__dict__["hex"].__set__
