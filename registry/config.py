"""The settings of a server, as one value. Where they come from is `settings_sources`' business."""

from __future__ import annotations

import os
from typing import Any, Self

from oci_spec.immutable import Immutable
from registry.settings_table import BY_NAME, TABLE


class SettingsError(ValueError):
    """Settings that cannot be; the message names the setting, the value, where it came from, what is accepted."""


class Settings(Immutable):
    """All settings; what is not given has its default. Times are seconds, sizes bytes.

    Values are taken as they are meant to be (``grace=3600.0``) or as text (``grace="1h"``). Raises SettingsError for
    a value that is not accepted, or two that exclude each other; TypeError for a name that is no setting.
    """

    __slots__ = tuple(setting.name for setting in TABLE)

    listen: tuple[str, ...]
    store: str
    workers: int
    tls_cert: str | None
    tls_key: str | None
    external_url: str | None
    trusted_proxies: tuple[str, ...]
    htpasswd: str | None
    anonymous_pull: bool
    token_secret: str | None
    immutable: tuple[str, ...]
    sparse: tuple[str, ...]
    read_only: bool
    no_delete: bool
    grace: float
    trash_time: float
    session_time: float
    gc_every: float | None
    delete_untagged: bool
    older_than: float
    free_floor: int
    manifest_limit: int
    page_limit: int
    max_uploads: int
    upload_memory: int
    threads: int
    header_limit: int
    header_timeout: float
    body_timeout: float
    keepalive: float
    drain_seconds: float
    access_log: str
    log_level: str
    metrics: bool

    def __init__(self, **given: Any) -> None:
        values = {setting.name: setting.default for setting in TABLE}
        for name, value in given.items():
            if name not in BY_NAME:
                raise TypeError(f"{name} is no setting")
            if value is not None:
                try:
                    value = BY_NAME[name].kind.read(value)
                except ValueError as error:
                    shown = "the value" if BY_NAME[name].secret else repr(value)
                    raise SettingsError(f"{name}: {shown} is not accepted; give {error}") from None
                values[name] = value
        in_memory = values["store"] == "memory:"
        if values["workers"] is None:
            values["workers"] = 1 if in_memory else len(os.sched_getaffinity(0))
        if in_memory and values["workers"] != 1:
            raise SettingsError(
                f"workers: {values['workers']} is not accepted with store memory:, which one process keeps to itself; "
                "give 1, or a folder as the store"
            )
        if (values["tls_cert"] is None) != (values["tls_key"] is None):
            lacking, there = ("tls_key", "tls_cert") if values["tls_key"] is None else ("tls_cert", "tls_key")
            raise SettingsError(f"{lacking}: not set, but {there} is; give both, or none to serve plain HTTP")
        self._fill(**values)

    def replace(self, **changed: Any) -> Self:
        """These settings with others in their place."""
        return type(self)(**{**self.as_dict(), **changed})

    def as_dict(self) -> dict[str, Any]:
        """Every setting by its name; JSON can carry it, and `Settings(**values)` takes it back."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.as_dict().values()))

    def __repr__(self) -> str:
        given = (
            f"{name}={'...' if BY_NAME[name].secret else repr(value)}"
            for name, value in self.as_dict().items()
            if value != BY_NAME[name].default
        )
        return f"Settings({', '.join(given)})"
