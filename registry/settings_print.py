"""The settings that hold, as a configuration file with the place that each came from."""

from __future__ import annotations

from registry.settings_sources import Sourced
from registry.settings_table import TABLE


def as_toml(sourced: Sourced) -> str:
    """TOML from which the same settings are read, but for secrets, which are not shown."""
    lines = []
    for setting in TABLE:
        value = getattr(sourced.settings, setting.name)
        origin = sourced.origins.get(setting.name, "default")
        if value is None:
            lines.append(f"# {setting.name} is not set  ({origin})")
        elif setting.secret:
            lines.append(f"# {setting.name} is set but not shown  ({origin})")
        else:
            lines.append(f"{setting.name} = {setting.kind.toml(value)}  # {_one_line(origin)}")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
