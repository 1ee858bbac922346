"""The registry's commands: name, one line of help, and where the command is.

`wherry` imports this module for its table, and the module named here only for the command that was typed. What is
named is a function that takes the command's ArgumentParser, adds the arguments, and returns the function that runs it:
from the parsed arguments to an exit code. Names with a blank are sub-commands (`repository ls`).
"""

from __future__ import annotations

COMMANDS = {
    "serve": ("Serve the registry.", "registry.serve.command:serve"),
    "htpasswd": ("Add, change or delete a user in a password file.", "registry.htpasswd_command:htpasswd"),
    "gc": ("Delete what nothing refers to any more.", "registry.upkeep.commands:gc"),
    "fsck": ("Check everything that a store holds.", "registry.upkeep.commands:fsck"),
    "repository ls": ("List the repositories of a store.", "registry.upkeep.commands:repository_ls"),
    "repository rm": ("Delete repositories of a store.", "registry.upkeep.commands:repository_rm"),
}
