"""What fields each kind of record must have, for the check of everything: readers trust what was put."""

from __future__ import annotations

from typing import Any, Final

from oci_spec.digest import Digest
from registry.content.layout import Key
from registry.content.records import Record
from storage_backends.errors import CorruptRecord

_OPTIONAL_TEXT: Final = (str, type(None))

SHAPES: Final[dict[str, dict[str, tuple[type, ...]]]] = {
    "catalog": {"id": (str,), "created": (str,), "settings": (dict,)},
    "blob": {"firm": (bool,), "condemned": (bool,), "data": _OPTIONAL_TEXT, "size": (int,)},
    "link": {"condemned": (bool,), "life": (str,)},
    "manifest": {"firm": (bool,), "condemned": (bool,), "life": (str,), "id": (str,), "type": (str,), "at": (str,)},
    "tag": {"life": (str,), "shown": (dict, type(None)), "announced": (list,)},
    "referrer": {"mediaType": (str,), "size": (int,)},
    "session": {"repo": (str,), "life": (str,), "user": (str,), "offset": (int,), "digest": _OPTIONAL_TEXT},
    "trash": {"digest": _OPTIONAL_TEXT},
}


def check(key: Key, record: Record) -> None:
    """Raises CorruptRecord where a field is absent or of another type than it should be."""
    fields = record.fields
    for name, types in SHAPES.get(key.kind, {}).items():
        if name not in fields or not isinstance(fields[name], types):
            found = repr(fields[name]) if name in fields else "nothing"
            raise CorruptRecord(f"{key}: {name} is {found}, not {' or '.join(_NAMES[each] for each in types)}")
    digests = [fields["digest"]] if key.kind in ("session", "trash") and fields["digest"] is not None else []
    if key.kind == "tag":
        for value in [*([fields["shown"]] if fields["shown"] else []), *fields["announced"]]:
            if not isinstance(value, dict) or not isinstance(value.get("id"), str):
                raise CorruptRecord(f"{key}: {value!r} names no manifest by digest and id")
            digests.append(value.get("digest"))
    for digest in digests:
        _digest(key, digest)


def _digest(key: Key, text: Any) -> None:
    try:
        Digest.parse(text)
    except (TypeError, ValueError):
        raise CorruptRecord(f"{key}: {text!r} is no digest") from None


_NAMES: Final = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    dict: "an object",
    list: "a list",
    type(None): "null",
}
