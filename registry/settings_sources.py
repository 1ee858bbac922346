"""Where settings come from: a flag beats a variable, a variable beats the file, the file beats the default."""

from __future__ import annotations

import os
import tomllib
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from registry.config import Settings, SettingsError
from registry.settings_table import BY_NAME, PREFIX, TABLE, Setting
from registry.settings_values import Switch, Texts
from registry.whole_file import read_whole

CONFIG_VARIABLE: Final = "WHERRY_CONFIG"
# The tests' own, and what Kubernetes puts into every container beside a Service of the name "wherry".
_NO_SETTINGS: Final = ("WHERRY_CI_", "WHERRY_PORT", "WHERRY_SERVICE_")
_FILE: Final = "_FILE"
_FILE_LIMIT: Final = 1 << 20
"""Bytes of the longest file of settings, or of one secret."""


class Sourced(NamedTuple):
    """Settings, and for each name that is not at its default the place that it came from, as an operator names it."""

    settings: Settings
    origins: Mapping[str, str]


def add_arguments(parser: ArgumentParser, *names: str) -> None:
    """Adds `--config` and the flags of the named settings, of all when none is named."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="Read settings from this TOML file. Default: $WHERRY_CONFIG, else the first of "
        "$XDG_CONFIG_HOME/wherry/serve.toml (~/.config when unset) and /etc/wherry/serve.toml that exists.",
    )
    for setting in (BY_NAME[name] for name in names) if names else TABLE:
        text = setting.help.replace("%", "%%") + _default_text(setting)
        if isinstance(setting.kind, Switch):
            parser.add_argument(
                setting.flag, dest=_dest(setting), action=SwitchAction, nargs="?", metavar=setting.metavar, help=text
            )
        else:
            parser.add_argument(
                setting.flag,
                dest=_dest(setting),
                action="append" if isinstance(setting.kind, Texts) else "store",
                metavar=setting.metavar,
                help=text + (" May be repeated." if isinstance(setting.kind, Texts) else ""),
            )


class SwitchAction(Action):
    """`--flag` and `--flag=BOOL`. The parser of `wherry` sees to it that no argument behind a bare flag is taken."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, "true" if values is None else values)


def read(arguments: Namespace, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that hold for a command whose parser went through `add_arguments`. Raises SettingsError."""
    return read_with_origins(arguments, environ).settings


def read_with_origins(arguments: Namespace, environ: Mapping[str, str] | None = None) -> Sourced:
    """As `read`, with the place that every value came from."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    path = _config_path(arguments.config, environ)
    raw = [*(_from_file(path) if path else ()), *_from_environment(environ), *_from_flags(arguments)]
    for setting, given, origin in raw:
        try:
            values[setting.name] = setting.kind.read(given)
        except ValueError as error:
            shown = "the value" if setting.secret else repr(given)
            raise SettingsError(f"{setting.name}: {shown} (from {origin}) is not accepted; give {error}") from None
        origins[setting.name] = origin
    return Sourced(Settings(**values), origins)


_Given = tuple[Setting, Any, str]


def _config_path(flag: str | None, environ: Mapping[str, str]) -> str | None:
    named = flag or environ.get(CONFIG_VARIABLE)
    if named:
        return named
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or "/", ".config")
    for path in (os.path.join(home, "wherry", "serve.toml"), "/etc/wherry/serve.toml"):
        if os.path.exists(path):
            return path
    return None


def _from_file(path: str) -> list[_Given]:
    try:
        text, _ = read_whole(path, _FILE_LIMIT, pipes=True)
        table = tomllib.loads(text.decode())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    given = []
    for key, value in table.items():
        if key not in BY_NAME:
            raise SettingsError(f"{path}: {key!r} is no setting{_nearest(key.replace('-', '_').lower(), BY_NAME)}")
        given.append((BY_NAME[key], value, path))
    return given


def _from_environment(environ: Mapping[str, str]) -> list[_Given]:
    known = {setting.variable: setting for setting in TABLE}
    secret_files = {setting.variable + _FILE: setting for setting in TABLE if setting.secret}
    given: list[_Given] = []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or variable.startswith(_NO_SETTINGS):
            continue
        text = environ[variable]
        if variable in known:
            setting = known[variable]
            given.append((setting, setting.kind.split(text) if isinstance(setting.kind, Texts) else text, variable))
        elif variable in secret_files:
            setting = secret_files[variable]
            if setting.variable in environ:
                raise SettingsError(f"{setting.variable} and {variable} are both set; set one of them")
            given.append((setting, _secret(text, variable), variable))
        else:
            names = [*known, *secret_files, CONFIG_VARIABLE]
            raise SettingsError(f"{variable} is no setting{_nearest(variable, names)}")
    return given


def _secret(path: str, variable: str) -> str:
    try:
        text, _ = read_whole(path, _FILE_LIMIT, pipes=True)
        return text.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} (from {variable}): cannot be read: {reason}") from None


def _from_flags(arguments: Namespace) -> list[_Given]:
    given = vars(arguments)
    return [
        (setting, given[_dest(setting)], setting.flag) for setting in TABLE if given.get(_dest(setting)) is not None
    ]


def _dest(setting: Setting) -> str:
    return "setting_" + setting.name


def _default_text(setting: Setting) -> str:
    if setting.default in (None, (), False):
        return ""
    if isinstance(setting.default, tuple):
        return f" Default: {', '.join(setting.default)}."
    shown = setting.kind.toml(setting.default).strip('"')
    return f" Default: {shown}."


def _nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; the settings are {', '.join(known)}"
