"""The command `wherry`: a table of sub-commands, each loaded only when it is used.

Knows how commands are found, parsed and completed. Must not know what any of them does: each package brings its own.
"""
