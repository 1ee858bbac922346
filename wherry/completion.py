"""`wherry completion`: a script that completes commands and flags in a shell."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from wherry import table
from wherry.parser import CommandParser


def completion(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """Adds the shell's name."""
    parser.description = (
        'Print a completion script. bash: put `eval "$(wherry completion bash)"` into ~/.bashrc; zsh: write the output '
        "to a file _wherry in a folder of $fpath."
    )
    parser.add_argument("shell", choices=("bash", "zsh"), help="The shell that is to complete.")
    return run


def run(arguments: Namespace) -> int:
    """Prints the script."""
    # Only here: it needs the flags of every command, and so everything that any of them loads to tell them.
    import shtab

    sys.stdout.write(shtab.complete(whole_parser(), arguments.shell) + "\n")
    return 0


def whole_parser() -> ArgumentParser:
    """A parser with every command and all of its arguments."""
    root = CommandParser(prog="wherry")
    root.add_argument("--version", action="store_true", help="Show the version.")
    commands = root.add_subparsers(metavar="COMMAND")
    groups = {}
    for name, (summary, location) in table.commands().items():
        group, _, word = name.rpartition(" ")
        if group and group not in groups:
            of_group = commands.add_parser(group, help=f"Commands on a {group}.", prog=f"wherry {group}")
            groups[group] = of_group.add_subparsers(metavar="COMMAND")
        into = groups[group] if group else commands
        table.set_up(location, into.add_parser(word, help=summary, prog=f"wherry {name}"))
    return root
