"""Settings as a command would read them, from flags, variables and a file that a test writes."""

from collections.abc import Mapping
from pathlib import Path

from registry.settings_sources import Sourced, add_arguments, read_with_origins
from wherry.parser import CommandParser


def read_from(
    *flags: str, environ: Mapping[str, str] | None = None, file: Path | None = None, toml: str | None = None
) -> Sourced:
    """`toml` is written to `file`, which is given as --config. The environment is `environ` alone."""
    parser = CommandParser(prog="wherry test")
    add_arguments(parser)
    arguments = list(flags)
    if file is not None:
        if toml is not None:
            file.write_text(toml)
        arguments += ["--config", str(file)]
    # Without a home there is no file of the user who runs the tests.
    return read_with_origins(parser.parse_args(arguments), {"HOME": "/nonexistent", **(environ or {})})
