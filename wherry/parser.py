"""The parser of one command's arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn


class CommandParser(argparse.ArgumentParser):
    """argparse with wherry's habits: messages that begin with `Error:`, no abbreviated flags.

    A switch is on alone (`--read-only`) and takes its value behind `=` only, so that it never swallows an argument.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Bad usage: exit code 2."""
        sys.stderr.write(f"Error: {message}\nTry '{self.prog} --help'.\n")
        raise SystemExit(2)

    def parse_known_args(  # type: ignore[override]  # argparse overloads it by the type of the namespace
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        given = list(sys.argv[1:] if args is None else args)
        switches = {
            option
            for action in self._actions
            if action.nargs == "?" and action.option_strings
            for option in action.option_strings
        }
        end = given.index("--") if "--" in given else len(given)
        given[:end] = [f"{word}=true" if word in switches else word for word in given[:end]]
        return super().parse_known_args(given, namespace)
