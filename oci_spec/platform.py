"""Platforms: what an image runs on (image-spec, Image Index, platform)."""

from __future__ import annotations

import re

from oci_spec.errors import InvalidPlatform, shown
from oci_spec.immutable import Immutable
from oci_spec.json_field import Fields

_FIELDS = frozenset({"architecture", "os", "os.version", "os.features", "variant", "features"})
_match_os = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]+)\))?").fullmatch
_match_part = re.compile(r"[A-Za-z0-9_.-]+").fullmatch

# architecture and variant as people and kernels spell them, and as images do
_ARCHITECTURES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
# the variant that is left out because it is the architecture's own
_IMPLIED_VARIANTS = {"amd64": "v1", "arm64": "v8"}


def _normalised(architecture: str, variant: str) -> tuple[str, str]:
    architecture, forced = _ARCHITECTURES.get(architecture.lower(), (architecture.lower(), None))
    variant = variant.lower() if forced is None else forced
    if architecture in ("arm", "arm64") and variant[:1].isdigit():
        variant = f"v{variant}"
    if architecture == "arm64":
        variant = variant.removesuffix(".0")
    if architecture == "arm" and not variant:
        variant = "v7"
    return architecture, "" if _IMPLIED_VARIANTS.get(architecture) == variant else variant


class Platform(Immutable):
    """An operating system and a processor. Absent parts are empty; spelling is kept as it was given."""

    __slots__ = ("architecture", "os", "os_features", "os_version", "variant")

    os: str
    architecture: str
    variant: str
    os_version: str
    os_features: tuple[str, ...]

    def __init__(
        self,
        os: str,
        architecture: str,
        variant: str = "",
        os_version: str = "",
        os_features: tuple[str, ...] = (),
    ) -> None:
        self._fill(
            os=os,
            architecture=architecture,
            variant=variant,
            os_version=os_version,
            os_features=os_features,
        )

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os[(os.version)]/architecture[/variant]` and normalise it; InvalidPlatform."""
        parts = text.split("/")
        system = _match_os(parts[0])
        if system is None or not 2 <= len(parts) <= 3 or not all(_match_part(part) for part in parts[1:]):
            raise InvalidPlatform(
                f"invalid platform {shown(text)}: expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, "
                f"for example linux/arm64 or linux/arm/v7"
            )
        return cls(system[1], parts[1], parts[2] if len(parts) == 3 else "", system[2] or "").normalised()

    @classmethod
    def from_json(cls, value: object, where: str = "platform") -> Platform:
        """Read a platform object; InvalidPlatform with the path for a field of the wrong type.

        `os` and `architecture` may be absent: indexes of artifacts carry such platforms.
        """
        fields = Fields(value, _FIELDS, where, InvalidPlatform)
        return cls(
            fields.text("os") or "",
            fields.text("architecture") or "",
            fields.text("variant") or "",
            fields.text("os.version") or "",
            fields.texts("os.features"),
        )

    def to_json(self) -> dict[str, object]:
        """Return the platform object, without what is empty but for the two required fields."""
        fields: dict[str, object] = {"architecture": self.architecture, "os": self.os}
        if self.os_version:
            fields["os.version"] = self.os_version
        if self.os_features:
            fields["os.features"] = list(self.os_features)
        if self.variant:
            fields["variant"] = self.variant
        return fields

    def normalised(self) -> Platform:
        """Return this platform as images spell it: lower case, arm64 for aarch64, no variant that is implied."""
        system = self.os.lower()
        architecture, variant = _normalised(self.architecture, self.variant)
        return Platform(
            "darwin" if system == "macos" else system, architecture, variant, self.os_version, self.os_features
        )

    def candidates(self) -> tuple[Platform, ...]:
        """Return the platforms whose images run here, the best first, this one (normalised) at the head.

        arm runs its older variants down to v5, arm64 those of arm, amd64 its lower levels and 386.
        """
        here = self.normalised()
        pairs = [(here.architecture, here.variant)]
        if here.architecture == "arm64":
            if here.variant:
                pairs.append(("arm64", ""))
            pairs += [("arm", f"v{level}") for level in (8, 7, 6, 5)]
        elif here.architecture == "arm" and here.variant[1:].isdigit():
            pairs += [("arm", f"v{level}") for level in range(min(int(here.variant[1:]), 9) - 1, 4, -1)]
        elif here.architecture == "amd64":
            if here.variant[1:].isdigit():
                pairs += [("amd64", f"v{level}") for level in range(min(int(here.variant[1:]), 9) - 1, 1, -1)]
                pairs.append(("amd64", ""))
            pairs.append(("386", ""))
        return tuple(
            Platform(here.os, architecture, variant, here.os_version, here.os_features)
            for architecture, variant in pairs
        )

    def matches(self, image: Platform) -> bool:
        """Whether `image` is made for this very platform, spelling apart.

        The image's os.version counts only where this platform has one: the same build (three numbers) or equal
        text. The image's os.features must all be among this platform's.
        """
        here, there = self.normalised(), image.normalised()
        if (here.os, here.architecture, here.variant) != (there.os, there.architecture, there.variant):
            return False
        if not set(there.os_features) <= set(here.os_features):
            return False
        if not here.os_version or not there.os_version:
            return True
        return here.os_version.split(".")[:3] == there.os_version.split(".")[:3]

    def __str__(self) -> str:
        system = f"{self.os}({self.os_version})" if self.os_version else self.os
        return "/".join(part for part in (system, self.architecture, self.variant) if part)

    def __repr__(self) -> str:
        return f"Platform({self})"

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Platform) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.os, self.architecture, self.variant, self.os_version, self.os_features
