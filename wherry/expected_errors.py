"""Which exceptions are the operator's business, with a message and an exit code, and not a fault of wherry.

By name, since a class that was never imported cannot have been raised.
"""

import sys

BAD_USAGE = 2
FAILED = 1
INTERRUPTED = 130

EXPECTED = (
    ("registry.config", "SettingsError", BAD_USAGE),
    ("registry.serve.errors", "ServeError", FAILED),
    ("storage_backends.errors", "StoreError", FAILED),
    ("registry.content.errors", "ContentError", FAILED),
    ("oci_spec.errors", "SpecError", BAD_USAGE),
)


def exit_code(error: BaseException) -> int | None:
    """None for an exception that should be seen with its traceback."""
    for module, name, code in EXPECTED:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(error, getattr(loaded, name)):
            return code
    return FAILED if isinstance(error, OSError) else None


def message(error: BaseException) -> str:
    """What is said behind `Error: `."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
