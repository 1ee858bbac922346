"""Typed reading of a JSON object's fields, with the field's path in every error.

null counts as absent everywhere: Go writes it for empty lists, maps and pointers.
"""

from __future__ import annotations

from oci_spec.errors import SpecError, shown
from oci_spec.media_type import parse_media_type
from oci_spec.strict_json import refuse_case_variants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

INT64_LIMIT = 2**63


class Fields:
    """The fields of one object: `known` are its specification's, `error` is raised for what is wrong."""

    __slots__ = ("_error", "_fields", "_where")

    def __init__(self, value: object, known: frozenset[str], where: str, error: type[SpecError]) -> None:
        """Raise `error` if `value` is no object or a key is a case variant of a known field."""
        self._where = where
        self._error = error
        if not isinstance(value, dict):
            raise error(f"{where or 'document'} is {shown(value)}: expected an object")
        self._fields: Mapping[str, object] = value
        try:
            refuse_case_variants(value, known, where)
        except SpecError as variant:
            raise error(variant.message) from None

    def path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def refused(self, name: str, expected: str) -> SpecError:
        """Return the error for field `name`, which is not what is `expected`."""
        value = self._fields.get(name)
        found = "is absent" if value is None else f"is {shown(value)}"
        return self._error(f"{self.path(name)} {found}: expected {expected}")

    def has(self, name: str) -> bool:
        """Whether the key is there, null or not."""
        return name in self._fields

    def get(self, name: str) -> object:
        """Return the value as it is, None where absent."""
        return self._fields.get(name)

    def text(self, name: str) -> str | None:
        value = self._fields.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self.refused(name, "a string")

    def flag(self, name: str) -> bool | None:
        value = self._fields.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self.refused(name, "true or false")

    def integer(self, name: str, least: int = 0) -> int | None:
        """Return an integer of `least` to 2**63 - 1."""
        value = self._fields.get(name)
        if value is None:
            return None
        if type(value) is int and least <= value < INT64_LIMIT:
            return value
        raise self.refused(name, f"an integer from {least} to {INT64_LIMIT - 1}")

    def media_type(self, name: str) -> str | None:
        """Return the text as it was written, checked to be a media type."""
        value = self.text(name)
        if value is not None:
            try:
                parse_media_type(value)
            except SpecError as error:
                raise self._error(f"{self.path(name)}: {error.message}") from None
        return value

    def array(self, name: str) -> list[object]:
        """Return the elements, none where absent."""
        value = self._fields.get(name)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        raise self.refused(name, "an array")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return an array of strings, empty where absent."""
        texts = []
        for index, value in enumerate(self.array(name)):
            if not isinstance(value, str):
                raise self._error(f"{self.path(name)}[{index}] is {shown(value)}: expected a string")
            texts.append(value)
        return tuple(texts)

    def text_map(self, name: str) -> dict[str, str]:
        """Return an object of free keys and string values, empty where absent."""
        texts = {}
        for key, value in self.object(name).items():
            if not isinstance(value, str):
                raise self._error(f"{self.path(name)}[{shown(key)}] is {shown(value)}: expected a string")
            texts[key] = value
        return texts

    def object(self, name: str) -> dict[str, object]:
        """Return an object of free keys, empty where absent."""
        value = self._fields.get(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        raise self.refused(name, "an object")
