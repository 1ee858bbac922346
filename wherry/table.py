"""Every command of wherry, without loading any: each package brings its own table.

A table maps the command's name (with a blank in it for a sub-command of a group) to one line of help and to
`module:function`; what the function does is told in `registry/commands.py`.
"""

from importlib import import_module

PACKAGES = ("registry.commands", "wherry.commands")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping

    Run = Callable[[Namespace], int]
    Table = Mapping[str, tuple[str, str]]


def commands() -> "Table":
    """Name to (help, `module:function`), in the order in which help shows them."""
    table: dict[str, tuple[str, str]] = {}
    for package in PACKAGES:
        table.update(import_module(package).COMMANDS)
    return table


def set_up(location: str, parser: "ArgumentParser") -> "Run":
    """Loads the command at `module:function`; its arguments are added to the parser. Gives what runs it."""
    module, _, function = location.partition(":")
    run: Run = getattr(import_module(module), function)(parser)
    return run


def split(arguments: list[str], names: "Table") -> tuple[str | None, list[str]]:
    """The command that is meant, the longest name first, and what is behind it; None where it is none."""
    for length in (2, 1):
        name = " ".join(arguments[:length])
        if len(arguments) >= length and name in names:
            return name, arguments[length:]
    return None, arguments


def group(word: str, names: "Table") -> list[str]:
    """The names of a group's commands (`repository` has `repository ls`), none where it is no group."""
    return [name for name in names if name.startswith(word + " ")]
