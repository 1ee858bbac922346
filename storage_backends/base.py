"""The two contracts that every store keeps: records with compare-and-swap, and bytes.

All methods block and may be called from any thread at once; the caller decides how many threads there are.
Keys are `/`-separated, of the characters ``A-Z a-z 0-9 . _ - ! ,`` in components of 1 to 255 bytes, none of
them `.` or `..`, the first neither `tmp` nor `lock`, 1,024 bytes in all; a key or prefix outside of this shape is a
ValueError. No key is a folder of another, and no folder holds both records and bytes: the caller sees to that.

**Records.** A value begins with one line of JSON whose first member is the nonce of this very write,
``{"n":"<32 hex digits>"``; bytes may follow the line (a manifest's). `seal` makes one; `put` of anything else is a
ValueError, finding anything else a CorruptRecord. The version of a record is an opaque string that changes with
every write; where the nonce serves (memory, disk) it is the nonce.
Every single operation is linearizable over all processes that share the store:

- `get` sees the newest completed write.
- `put` writes if the record's version is the expected one. None means that the swap was lost: nothing was
  written. The new value is either there whole or not at all, also after a power cut.
- `delete` likewise; False means lost, or absent already.
- `put` and `delete` are *visible* at once but *durable* only when asked with ``sync=True`` or by a later `sync` of
  that key: a power cut may bring back any older value of a key since its last sync, each key on its own.
- `sync` makes what is visible under these keys durable (a value, or its absence), whoever wrote it. A key that
  ends with `/` stands for every key below it, those that are gone included.
- `list` gives keys under a prefix in byte order, from the first one above `after`. It is not a snapshot; a key
  that exists from before the call until after it is in it, and one that never did is not.

**Bytes.** Written in order by one writer at a time, under a key that is never used again:

- `write` opens the bytes at an offset and cuts what lies behind it; `BytesShort` if they end before it,
  `BytesBusy` while another writer, in any process, has them. `allowed` is called when they are this writer's and before
  anything is cut: what it raises leaves them as they were. So who looks there whether the bytes are still to be
  written, and swaps what says so before `close`, never cuts what another has had accepted.
- What a writer has written is readable after its `close`, durable after `finish`.
- `read` gives a range; `BytesGone` if they are not there. `delete` is idempotent.

**Failures.** StoreFull or StoreFailed: a put may or may not have taken place (the caller reads again); nothing
is half there. A failed fsync is never repeated on the same file: the operation fails, `check` fails from then on.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Literal, NamedTuple, Protocol, Self, TypeAlias, runtime_checkable

from storage_backends.errors import CorruptRecord


class Condition:
    """What a put or delete expects of a record besides a version. Compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


ABSENT: Final = Condition("ABSENT")
ANY: Final = Condition("ANY")
Expected: TypeAlias = str | Condition


class Stored(NamedTuple):
    """A record as it is kept: the sealed value, its version, and when it was written (seconds since 1970)."""

    value: bytes
    version: str
    mtime: float


class Listed(NamedTuple):
    """One key of a listing, and when its record was written (seconds since 1970)."""

    key: str
    mtime: float


def seal(fields: dict[str, Any], tail: bytes = b"", *, nonce: str | None = None) -> tuple[bytes, str]:
    """(value, nonce): a record's value with a fresh nonce in front; `tail` is kept behind the line."""
    nonce = nonce or secrets.token_hex(16)
    line = json.dumps(fields, separators=(",", ":"), ensure_ascii=True)
    head = f'{{"n":"{nonce}"' + ("," + line[1:] if len(line) > 2 else "}")
    return head.encode("ascii") + (b"\n" + tail if tail else b""), nonce


_BRACE: Final = ord("}")


def nonce_of(value: bytes, key: str) -> str:
    """The nonce in front of a sealed value. Raises CorruptRecord where there is none, or the line is cut short."""
    if value[:6] == b'{"n":"' and value[38:39] == b'"':
        nonce = value[6:38]
        end = value.find(b"\n")
        if not nonce.translate(None, b"0123456789abcdef") and value[end - 1 if end > 0 else -1] == _BRACE:
            return nonce.decode("ascii")
    raise CorruptRecord(f"{key}: not a record: it begins with {value[:40]!r}; `wherry fsck` tells what is hurt")


def nonce_to_put(value: bytes, key: str) -> str:
    """The nonce in front of a value that is to be stored: its version. ValueError where no `seal` made it."""
    try:
        return nonce_of(value, key)
    except CorruptRecord:
        raise ValueError(f"{key}: not a value to put: {value[:40]!r}; `seal` makes one") from None


def unseal(stored_value: bytes, key: str) -> tuple[dict[str, Any], bytes]:
    """(fields without the nonce, tail). Raises CorruptRecord for what no `seal` made."""
    nonce_of(stored_value, key)
    line, _, tail = stored_value.partition(b"\n")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorruptRecord(f"{key}: its first line is not JSON ({error}); `wherry fsck` tells what is hurt") from None
    del fields["n"]
    return fields, tail


class Records(Protocol):
    """See the module's text for what is promised of each method."""

    def get(self, key: str) -> Stored | None: ...

    def put(self, key: str, value: bytes, expected: Expected, *, sync: bool = False) -> str | None: ...

    def delete(self, key: str, expected: Expected, *, sync: bool = False) -> bool: ...

    def sync(self, keys: Iterable[str]) -> None: ...

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        """At most `limit` keys that start with `prefix` (it ends with `/`, or is empty) and are above `after`."""
        ...


State: TypeAlias = dict[str, Any] | None
"""What a writer needs to go on elsewhere, JSON; kept in the upload session by the caller, opaque to it."""


class Writer(Protocol):
    """Bytes being written; a context manager that closes."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def flush(self) -> State:
        """What was written can be read, and gone on with from this state once this writer is closed."""
        ...

    def close(self) -> State:
        """What was written can be read and gone on with; the state to give to the next `write` or `finish`."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class Bytes(Protocol):
    """See the module's text for what is promised of each method."""

    def write(
        self, key: str, offset: int, state: State = None, allowed: Callable[[], None] | None = None
    ) -> Writer: ...

    def finish(self, key: str, size: int, state: State = None) -> None:
        """`size` bytes are there, no more, and durable from now on: what lies behind is cut. Idempotent.

        BytesShort, BytesGone; BytesBusy where something is to be cut while a writer is at it.
        """
        ...

    def size(self, key: str) -> int | None:
        """Bytes that are there, None where there are none."""
        ...

    def read(self, key: str, start: int, count: int) -> bytes:
        """Exactly `count` bytes from `start`, fewer only at the end. BytesGone."""
        ...

    def sync(self, key: str) -> None:
        """What is visible under this key, the bytes or their absence, becomes durable."""
        ...

    def delete(self, key: str, state: State = None) -> None:
        """Idempotent; not durable until `sync`. A writer at them fails at its next step or is lost with them."""
        ...

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]: ...


class Store(Protocol):
    """A place with both contracts. `name` is what the operator typed, without secrets."""

    name: str
    records: Records
    bytes: Bytes
    shared: Literal[True, False]
    """Whether several processes may have it open at once."""

    def open(self) -> None:
        """Makes ready, and removes what dead processes left half-made. UnsuitableStore, StoreFailed."""
        ...

    def check(self) -> None:
        """StoreFailed where the store cannot take a write now, or an fsync has ever failed; StoreFull without room."""
        ...

    def free(self) -> int | None:
        """Bytes that may still be written, None where the store knows no end."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class HasLocalPath(Protocol):
    """Bytes that are a file here: sendfile serves them."""

    def open_local(self, key: str) -> int:
        """A file descriptor for reading; the caller closes it. BytesGone."""
        ...


@runtime_checkable
class HasStamp(Protocol):
    """Records whose change is seen by one cheap call, so that parsed ones may be kept in memory."""

    def stamp(self, key: str) -> tuple[int, ...] | None:
        """Changes whenever the record does; None where it is absent. Costs microseconds; never waits for a lock."""
        ...

    def settled(self, stamp: tuple[int, ...]) -> bool:
        """Whether a stamp is old enough (2 s) that a later write cannot wear the same one (racy git)."""
        ...


@runtime_checkable
class HasUnchanged(Protocol):
    """Stamps of several records compared at once, for who asks about the same ones all the time."""

    def unchanged(self, stamps: Sequence[tuple[str, tuple[int, ...]]]) -> bool:
        """Whether each key still has the stamp that `stamp` gave for it; False also where that cannot be told."""
        ...


@runtime_checkable
class HasTurns(Protocol):
    """Threads of one process work on it best one after another, but for their waits."""

    def turn(self) -> AbstractContextManager[None]:
        """Inside, this thread has the turn. Not nested; never needed for being right."""
        ...

    def pass_on(self) -> None:
        """Between two operations of a turn: lets others go first where it has been long."""
        ...
