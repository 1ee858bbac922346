"""What a path names. The path is decoded once and read from its right end, since `blobs`, `manifests` and `tags` may
be components of a repository's name; its parts become values here and nowhere else.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from oci_spec.digest import Digest
from oci_spec.reference import parse_name, parse_tag
from registry.api.errors import Refusal

KEPT_ROUTES: Final = 4096
KEPT_LENGTH: Final = 512
"""The most paths that are remembered, and the longest of them."""

_match_uuid = re.compile(r"[0-9a-f]{32}").fullmatch
_bad_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search


class Route:
    """`kind` is the row of the table; `repository` and `reference` what the path says behind it."""

    __slots__ = ("digest", "kept", "kind", "repository", "tag", "uuid")

    def __init__(
        self,
        kind: str,
        repository: str = "",
        *,
        digest: Digest | None = None,
        tag: str | None = None,
        uuid: str | None = None,
    ) -> None:
        self.kind = kind
        self.repository = repository
        self.digest = digest
        self.tag = tag
        self.uuid = uuid
        self.kept: Any = None  # what `kept` found here before

    def __repr__(self) -> str:
        parts = (self.repository, str(self.digest or ""), self.tag or "", self.uuid or "")
        return f"Route({', '.join([self.kind, *filter(None, parts)])})"


_FIXED: Final = {
    "/v2/": Route("base"),
    "/v2": Route("base"),
    "/v2/_catalog": Route("catalog"),
    "/token": Route("token"),
    "/healthz": Route("healthz"),
    "/readyz": Route("readyz"),
    "/metrics": Route("metrics"),
}


def parse(path: str) -> Route:
    """The route of a path as it came. Refusal (404, 400) and SpecError for what is none."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    if not path.startswith("/"):
        path = _path_of_absolute(path)
    plain = _decoded(path) if "%" in path else path
    fixed = _FIXED.get(plain)
    if fixed is not None:
        return fixed
    if plain.startswith("/v2/"):
        rest, _, last = plain[4:].rpartition("/")
        before, _, word = rest.rpartition("/")
        if word == "manifests" and before:
            return _manifest(before, last)
        if word == "blobs" and before:
            if last == "uploads":
                return Route("uploads", parse_name(before))
            return Route("blob", parse_name(before), digest=Digest.parse(last))
        if word == "referrers" and before:
            return Route("referrers", parse_name(before), digest=Digest.parse(last))
        if word == "tags" and last == "list" and before:
            return Route("tags", parse_name(before))
        name, _, blobs = before.rpartition("/")
        if word == "uploads" and blobs == "blobs" and name:
            return _upload(name, last)
    raise Refusal(404, "NOT_FOUND", f"nothing is served at {plain[:200]!r}; the API is below /v2/")


def _manifest(name: str, reference: str) -> Route:
    repository = parse_name(name)
    if ":" in reference:
        return Route("manifest", repository, digest=Digest.parse(reference))
    return Route("manifest", repository, tag=parse_tag(reference))


def _upload(name: str, last: str) -> Route:
    repository = parse_name(name)
    if not last:
        return Route("uploads", repository)
    if _match_uuid(last) is None:
        raise Refusal(404, "BLOB_UPLOAD_UNKNOWN", f"no upload is named {last[:100]!r}; begin a new one")
    return Route("upload", repository, uuid=last)


def _decoded(path: str) -> str:
    bad = _bad_escape(path)
    try:
        if bad is None:
            return unquote_to_bytes(path).decode("utf-8")
    except UnicodeError:
        pass
    raise Refusal(400, "NAME_INVALID", f"the path is no UTF-8 in percent-escapes: {path[:200]!r}")


def _path_of_absolute(target: str) -> str:
    """The path of a request line with a whole URL, as proxies get it (RFC 9112, section 3.2.2)."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise Refusal(400, "BAD_REQUEST", f"not a path: {target[:200]!r}")
    _, slash, path = rest.partition("/")
    return slash + path


class Routes:
    """Routes of the paths that came before."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, Route] = {}

    def of(self, path: str) -> Route:
        """As `parse`."""
        route = self._kept.get(path)
        if route is None:
            route = parse(path)
            if len(path) <= KEPT_LENGTH and route.uuid is None:
                if len(self._kept) >= KEPT_ROUTES:
                    self._kept.clear()
                self._kept[path] = route
        return route
