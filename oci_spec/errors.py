"""The errors of oci_spec: one tree, and the one way a refused value is shown in a message.

SpecError
  InvalidDigest, InvalidName, InvalidTag, InvalidReference, InvalidMediaType
  InvalidJSON, InvalidDescriptor, InvalidManifest, InvalidConfig, InvalidPlatform
"""

from __future__ import annotations

SHOWN_LIMIT = 100


class SpecError(ValueError):
    """Something does not follow the specification. `message` holds the value and what was expected."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidDigest(SpecError):
    """Not `sha256:` or `sha512:` and lower-case hex of the exact length."""


class InvalidName(SpecError):
    """Not a repository name of the distribution-spec."""


class InvalidTag(SpecError):
    """Not a tag of the distribution-spec."""


class InvalidReference(SpecError):
    """Not `[HOST/][USER/]NAME[:TAG][@DIGEST]`."""


class InvalidMediaType(SpecError):
    """Not a media type of RFC 6838."""


class InvalidJSON(SpecError):
    """Not JSON, or JSON that two parsers could read differently."""


class InvalidDescriptor(SpecError):
    """Not a descriptor of the image-spec."""


class InvalidManifest(SpecError):
    """Not an image manifest or index that this project accepts."""


class InvalidConfig(SpecError):
    """Not an image configuration of the image-spec."""


class InvalidPlatform(SpecError):
    """Not `os/architecture[/variant]`, or not a platform object."""


def shown(value: object) -> str:
    """Return `value` for a message: printable, at most about SHOWN_LIMIT characters, never raising."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, bytes)):
        if len(value) <= SHOWN_LIMIT:
            return repr(value)
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"{value[:SHOWN_LIMIT]!r}... ({len(value)} {unit})"
    if isinstance(value, int):
        # repr of an integer past 4,300 digits raises, and nobody reads past 100 of them
        return repr(value) if value.bit_length() <= 300 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, dict):
        return f"an object of {len(value)} fields"
    if isinstance(value, (list, tuple)):
        return f"an array of {len(value)} elements"
    if isinstance(value, float):
        return repr(value)
    return f"a value of type {type(value).__name__}"
