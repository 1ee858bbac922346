"""`wherry htpasswd`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import Final

LEAST_COST: Final = 4
MOST_COST: Final = 31
COST: Final = 10


def htpasswd(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """Adds the file, the user and what is to be done."""
    parser.description = (
        "Add USER to FILE, or change the password. The password is asked for twice, or read from standard input. "
        "FILE is made when absent, readable by its owner alone; a running server notices the change. One that is there "
        "keeps its owner and mode, and must be a regular file with lines that the server takes."
    )
    parser.add_argument("file", metavar="FILE", help="The password file: lines of USER:BCRYPT-HASH.")
    parser.add_argument("user", metavar="USER", help="The user's name.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--password-stdin", action="store_true", help="Read the password from standard input.")
    what.add_argument("--delete", action="store_true", help="Delete the user instead.")
    parser.add_argument(
        "--cost",
        type=_cost,
        default=COST,
        metavar="N",
        help=f"How dear a guess is: 2 to the power of N rounds, {LEAST_COST} to {MOST_COST}. Default: {COST}.",
    )
    return run


def run(arguments: Namespace) -> int:
    """0, or 1 with a message."""
    # bcrypt is loaded only here, so that help stays quick.
    from registry.password_file import PasswordFileError, check_file, check_user, delete_user, set_password

    path, user = arguments.file, arguments.user
    try:
        check_user(user)
        check_file(path)
        if arguments.delete:
            if not delete_user(path, user):
                return _fail(f"{path}: there is no user {user!r}")
            sys.stdout.write(f"Deleted user {user}\n")
            return 0
        password = _from_stdin() if arguments.password_stdin else _asked()
        if password is None:
            return 1
        is_new = set_password(path, user, password, arguments.cost)
    except PasswordFileError as error:
        return _fail(str(error))
    sys.stdout.write(f"{'Added' if is_new else 'Changed the password of'} user {user}\n")
    return 0


def _from_stdin() -> str:
    """All of standard input but one line break at its end."""
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _asked() -> str | None:
    if not sys.stdin.isatty():
        _fail("no terminal to ask for the password on; give it on standard input with --password-stdin")
        return None
    from getpass import getpass

    password = getpass("New password: ")
    if getpass("The same again: ") != password:
        _fail("the two passwords differ; nothing was changed")
        return None
    return password


def _cost(text: str) -> int:
    if not text.isdecimal() or not LEAST_COST <= int(text) <= MOST_COST:
        raise ArgumentTypeError(f"{text!r} is no cost; give a whole number from {LEAST_COST} to {MOST_COST}")
    return int(text)


def _fail(text: str) -> int:
    sys.stderr.write(f"Error: {text}\n")
    return 1
