"""The version, as in pyproject.toml: reading the installed one would cost every command 30 ms."""

VERSION = "0.1.0"
