"""The commands that belong to no part of wherry. See `registry/commands.py` for what a table holds."""

COMMANDS = {
    "completion": ("Print a completion script for a shell.", "wherry.completion:completion"),
}
