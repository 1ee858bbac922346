"""The image configuration: what runs, on what, from which layers (image-spec, Image Configuration)."""

from __future__ import annotations

import re

from oci_spec import strict_json
from oci_spec.digest import Digest
from oci_spec.errors import InvalidConfig, SpecError, shown
from oci_spec.immutable import Immutable
from oci_spec.json_field import Fields
from oci_spec.platform import Platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = frozenset(
    {
        "created",
        "author",
        "architecture",
        "os",
        "os.version",
        "os.features",
        "variant",
        "config",
        "rootfs",
        "history",
    }
)
_ROOTFS_FIELDS = frozenset({"type", "diff_ids"})
_HISTORY_FIELDS = frozenset({"created", "author", "created_by", "comment", "empty_layer"})
_PROCESS_FIELDS = frozenset(
    {
        "User",
        "ExposedPorts",
        "Env",
        "Entrypoint",
        "Cmd",
        "Volumes",
        "WorkingDir",
        "Labels",
        "StopSignal",
        "StopTimeout",
        "ArgsEscaped",
        "Healthcheck",
        "OnBuild",
        "Shell",
    }
)
_HEALTHCHECK_FIELDS = frozenset({"Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"})

_match_time = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
    r"(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch


class HealthCheck(Immutable):
    """How docker asks a container for its health. `test` begins with NONE, CMD or CMD-SHELL, or is empty: inherit.

    Times are in nanoseconds; 0 means inherit, as do 0 `retries`.
    """

    __slots__ = ("interval", "retries", "start_interval", "start_period", "test", "timeout")

    test: tuple[str, ...]
    interval: int
    timeout: int
    start_period: int
    start_interval: int
    retries: int

    def __init__(
        self,
        test: tuple[str, ...],
        interval: int = 0,
        timeout: int = 0,
        start_period: int = 0,
        start_interval: int = 0,
        retries: int = 0,
    ) -> None:
        self._fill(
            test=test,
            interval=interval,
            timeout=timeout,
            start_period=start_period,
            start_interval=start_interval,
            retries=retries,
        )


class ProcessDefaults(Immutable):
    """The `config` object: the defaults of a container's process.

    `entrypoint`, `cmd` and `shell` are None where absent, which is not the same as empty: an empty entrypoint
    takes an inherited one away. `env` is `NAME=VALUE`, or a name alone, in order. `exposed_ports` and `volumes`
    are the keys as written. `stop_timeout` is in seconds. `labels` may not be changed.
    """

    __slots__ = (
        "args_escaped",
        "cmd",
        "entrypoint",
        "env",
        "exposed_ports",
        "healthcheck",
        "labels",
        "on_build",
        "shell",
        "stop_signal",
        "stop_timeout",
        "user",
        "volumes",
        "working_dir",
    )

    user: str
    exposed_ports: tuple[str, ...]
    env: tuple[str, ...]
    entrypoint: tuple[str, ...] | None
    cmd: tuple[str, ...] | None
    volumes: tuple[str, ...]
    working_dir: str
    labels: Mapping[str, str]
    stop_signal: str
    stop_timeout: int | None
    args_escaped: bool
    healthcheck: HealthCheck | None
    on_build: tuple[str, ...]
    shell: tuple[str, ...] | None

    @classmethod
    def from_json(cls, value: object, where: str) -> ProcessDefaults:
        """Read the `config` object; InvalidConfig with the path of what is wrong."""
        fields = Fields(value, _PROCESS_FIELDS, where, InvalidConfig)
        self = cls()
        self._fill(
            user=fields.text("User") or "",
            exposed_ports=_keys(fields, "ExposedPorts"),
            env=_environment(fields),
            entrypoint=_command(fields, "Entrypoint"),
            cmd=_command(fields, "Cmd"),
            volumes=_keys(fields, "Volumes"),
            working_dir=fields.text("WorkingDir") or "",
            labels=fields.text_map("Labels"),
            stop_signal=fields.text("StopSignal") or "",
            stop_timeout=fields.integer("StopTimeout", least=-1),
            args_escaped=fields.flag("ArgsEscaped") or False,
            healthcheck=_healthcheck(fields),
            on_build=fields.texts("OnBuild"),
            shell=_command(fields, "Shell"),
        )
        return self


class HistoryEntry(Immutable):
    """One step of an image's making; `empty_layer` where it left no layer. Absent texts are empty."""

    __slots__ = ("author", "comment", "created", "created_by", "empty_layer")

    created: str | None
    author: str
    created_by: str
    comment: str
    empty_layer: bool

    @classmethod
    def from_json(cls, value: object, where: str) -> HistoryEntry:
        """Read one element of `history`; InvalidConfig with the path of what is wrong."""
        fields = Fields(value, _HISTORY_FIELDS, where, InvalidConfig)
        self = cls()
        self._fill(
            created=_time(fields, "created"),
            author=fields.text("author") or "",
            created_by=fields.text("created_by") or "",
            comment=fields.text("comment") or "",
            empty_layer=fields.flag("empty_layer") or False,
        )
        return self


class ImageConfig(Immutable):
    """An image configuration; `raw` are its exact bytes, whose digest is the image ID.

    `created` is RFC 3339 as written. `diff_ids` are the digests of the uncompressed layers, the lowest first.
    """

    __slots__ = ("author", "config", "created", "diff_ids", "history", "platform", "raw")

    raw: bytes
    platform: Platform
    created: str | None
    author: str
    diff_ids: tuple[Digest, ...]
    history: tuple[HistoryEntry, ...]
    config: ProcessDefaults

    @property
    def architecture(self) -> str:
        return self.platform.architecture

    @property
    def os(self) -> str:
        return self.platform.os

    @property
    def variant(self) -> str:
        return self.platform.variant

    def __repr__(self) -> str:
        return f"ImageConfig({self.platform}, {len(self.diff_ids)} layers, {len(self.raw)} bytes)"

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, ImageConfig) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)


def parse_image_config(data: bytes) -> ImageConfig:
    """Read an image configuration; InvalidConfig with the path of what is wrong, or InvalidJSON."""
    fields = Fields(strict_json.loads(data), _FIELDS, "", InvalidConfig)
    rootfs = Fields(fields.get("rootfs"), _ROOTFS_FIELDS, "rootfs", InvalidConfig)
    if rootfs.get("type") != "layers":
        raise rootfs.refused("type", "'layers'")
    self = ImageConfig()
    self._fill(
        raw=data,
        platform=Platform(
            _required_text(fields, "os"),
            _required_text(fields, "architecture"),
            fields.text("variant") or "",
            fields.text("os.version") or "",
            fields.texts("os.features"),
        ),
        created=_time(fields, "created"),
        author=fields.text("author") or "",
        diff_ids=_diff_ids(rootfs),
        history=tuple(
            HistoryEntry.from_json(value, f"history[{index}]") for index, value in enumerate(fields.array("history"))
        ),
        config=ProcessDefaults.from_json(fields.object("config"), "config"),
    )
    return self


def _required_text(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if not value:
        raise fields.refused(name, "a string that is not empty")
    return value


def _time(fields: Fields, name: str) -> str | None:
    value = fields.text(name)
    if value is not None and _match_time(value) is None:
        raise fields.refused(name, "a time as in RFC 3339, for example 2024-02-29T12:00:00Z")
    return value


def _diff_ids(rootfs: Fields) -> tuple[Digest, ...]:
    digests = []
    for index, text in enumerate(rootfs.texts("diff_ids")):
        try:
            digests.append(Digest.parse(text))
        except SpecError as error:
            raise InvalidConfig(f"{rootfs.path('diff_ids')}[{index}]: {error.message}") from None
    return tuple(digests)


def _command(fields: Fields, name: str) -> tuple[str, ...] | None:
    return None if fields.get(name) is None else fields.texts(name)


def _environment(fields: Fields) -> tuple[str, ...]:
    variables = fields.texts("Env")
    for index, variable in enumerate(variables):
        if not variable.partition("=")[0] or "\0" in variable:
            raise InvalidConfig(
                f"{fields.path('Env')}[{index}] is {shown(variable)}: expected NAME=VALUE without a NUL"
            )
    return variables


def _keys(fields: Fields, name: str) -> tuple[str, ...]:
    keys = fields.object(name)
    for key, value in keys.items():
        if value is not None and not isinstance(value, dict):
            raise InvalidConfig(f"{fields.path(name)}[{shown(key)}] is {shown(value)}: expected {{}}")
    return tuple(keys)


def _healthcheck(process: Fields) -> HealthCheck | None:
    value = process.get("Healthcheck")
    if value is None:
        return None
    fields = Fields(value, _HEALTHCHECK_FIELDS, process.path("Healthcheck"), InvalidConfig)
    return HealthCheck(
        fields.texts("Test"),
        fields.integer("Interval") or 0,
        fields.integer("Timeout") or 0,
        fields.integer("StartPeriod") or 0,
        fields.integer("StartInterval") or 0,
        fields.integer("Retries") or 0,
    )
