"""Repository names, tags, and the references that people type."""

from __future__ import annotations

import re

from oci_spec.digest import Digest
from oci_spec.errors import InvalidName, InvalidReference, InvalidTag, SpecError, shown
from oci_spec.immutable import Immutable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NAME_LIMIT = 255
DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"

# No character can be taken by two parts of these patterns, so a failed match gives up in linear time.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_match_name = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*").fullmatch
_match_tag = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}").fullmatch
_LABEL = r"[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*"
_match_host = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::([0-9]{{1,5}}))?").fullmatch
_match_image_id = re.compile(r"[0-9a-f]{64}").fullmatch


def parse_name(text: str) -> str:
    """Return `text` if it is a repository name of at most 255 bytes (distribution-spec, Pulling manifests).

    InvalidName otherwise.
    """
    if len(text) > NAME_LIMIT or _match_name(text) is None:
        raise InvalidName(
            f"invalid repository name {shown(text)}: expected at most {NAME_LIMIT} bytes of components joined "
            f"by /, each of a-z and 0-9 with single . or _, __ or any number of - between them"
        )
    return text


def parse_tag(text: str) -> str:
    """Return `text` if it is a tag (distribution-spec, Pulling manifests); InvalidTag otherwise."""
    if _match_tag(text) is None:
        raise InvalidTag(
            f"invalid tag {shown(text)}: expected 1 to 128 of A-Z, a-z, 0-9, _, . and -, not beginning with . or -"
        )
    return text


def _parse_registry(text: str) -> str:
    match = _match_host(text) if len(text) <= NAME_LIMIT else None
    if match is None or (match[1] is not None and not 0 < int(match[1]) < 65536):
        raise InvalidReference(
            f"invalid registry {shown(text)}: expected HOST or HOST:PORT, an IPv6 address in square brackets"
        )
    return text


def _is_registry(component: str) -> bool:
    return component == "localhost" or component[:1] == "[" or "." in component or ":" in component


class Reference(Immutable):
    """`[HOST/][USER/]NAME[:TAG][@DIGEST]`, normalised as docker does.

    `registry` is a host with an optional port, `repository` a name, and at least one of `tag` and `digest` is
    there: the tag is `latest` only where neither was given. On docker.io a name of one component gains `library/`.
    """

    __slots__ = ("digest", "registry", "repository", "tag")

    registry: str
    repository: str
    tag: str | None
    digest: Digest | None

    def __init__(self, registry: str, repository: str, tag: str | None = None, digest: Digest | None = None) -> None:
        """Check and normalise the parts; InvalidReference, InvalidName, InvalidTag."""
        if registry == "index.docker.io":
            registry = DOCKER_HUB
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        if tag is not None:
            parse_tag(tag)
        elif digest is None:
            tag = DEFAULT_TAG
        self._fill(registry=_parse_registry(registry), repository=parse_name(repository), tag=tag, digest=digest)

    @classmethod
    def parse(cls, text: str, default_registry: str = DOCKER_HUB) -> Reference:
        """Read what a person typed; `default_registry` is meant where no host is named. InvalidReference."""
        if _match_image_id(text):
            raise InvalidReference(
                f"invalid reference {shown(text)}: 64 hex digits are an image ID; for a repository of that name "
                f"add :TAG"
            )
        name, at, digest_text = text.partition("@")
        tag: str | None = None
        colon = name.rfind(":")
        if colon > name.rfind("/"):
            name, tag = name[:colon], name[colon + 1 :]
        first, slash, rest = name.partition("/")
        try:
            digest = Digest.parse(digest_text) if at else None
            if slash and _is_registry(first):
                return cls(first, rest, tag, digest)
            return cls(default_registry, name, tag, digest)
        except SpecError as error:
            raise InvalidReference(f"invalid reference {shown(text)}: {error.message}") from None

    def familiar(self) -> str:
        """Return the shortest text that `parse` reads as this reference when the default is docker.io."""
        name = self.repository
        if self.registry != DOCKER_HUB or _is_registry(name.partition("/")[0]):
            return str(self)
        short = name.removeprefix("library/")
        return (name if "/" in short else short) + self._suffix()

    def _suffix(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        return tag if self.digest is None else f"{tag}@{self.digest}"

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}{self._suffix()}"

    def __repr__(self) -> str:
        return f"Reference({self})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Reference) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> tuple[Callable[[str], Reference], tuple[str]]:
        return Reference.parse, (str(self),)
