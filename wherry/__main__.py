"""The command `wherry`: finds the sub-command that was typed and loads that one alone."""

import os
import sys

from wherry import table
from wherry.expected_errors import BAD_USAGE, INTERRUPTED, exit_code, message

USAGE = "Usage: wherry COMMAND [ARGUMENTS]\n"


def main(arguments: list[str] | None = None) -> int:
    """Runs what the arguments (default: the program's) say; gives the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _open_closed_streams()
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader had enough (`| head`). What is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        expected = exit_code(error)
        if expected is None:
            raise
        return _fail(message(error), expected)


def _open_closed_streams() -> None:
    """What is opened next would get the number of a closed stream, and with it all that is printed there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (stays open as long as the process)


def _run(given: list[str]) -> int:
    commands = table.commands()
    if not given or given[0] in ("--help", "-h", "help"):
        (sys.stdout if given else sys.stderr).write(_help(commands, list(commands)))
        return 0 if given else BAD_USAGE
    if given[0] == "--version":
        from wherry.version import VERSION

        sys.stdout.write(f"wherry {VERSION}\n")
        return 0
    name, rest = table.split(given, commands)
    if name is None:
        return _no_command(given, commands)
    from wherry.parser import CommandParser
    from wherry.version import VERSION

    summary, location = commands[name]
    parser = CommandParser(prog=f"wherry {name}", description=summary)
    run = table.set_up(location, parser)
    parser.set_defaults(version=VERSION)
    return run(parser.parse_args(rest))


def _no_command(given: list[str], commands: "table.Table") -> int:
    word = given[0]
    members = table.group(word, commands)
    if members and (len(given) == 1 or given[1] in ("--help", "-h")):
        asked = len(given) > 1
        (sys.stdout if asked else sys.stderr).write(_help(commands, members))
        return 0 if asked else BAD_USAGE
    if word.startswith("-"):
        return _fail(f"{word} is no flag of wherry; flags follow the command", BAD_USAGE)
    typed = " ".join(given[:2]) if members else word
    from difflib import get_close_matches

    close = get_close_matches(
        typed, members or [*commands, *{name.split(" ")[0] for name in commands}], n=1, cutoff=0.5
    )
    hint = f"did you mean 'wherry {close[0]}'?" if close else "'wherry --help' lists the commands"
    return _fail(f"'{typed}' is no command of wherry; {hint}", BAD_USAGE)


def _help(commands: "table.Table", names: list[str]) -> str:
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {commands[name][0]}\n" for name in names]
    return (
        f"{USAGE}\nOne tool for the life of a container image.\n\nCommands:\n{''.join(lines)}\n"
        "'wherry COMMAND --help' tells more; 'wherry --version' shows the version.\n"
    )


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"Error: {text}\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
