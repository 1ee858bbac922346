"""What keeps a server from starting. One tree.

ServeError
├── CannotListen   an address that cannot be listened on
├── CannotServeTls a certificate or key that cannot be used
└── WorkerFailed   a worker that does not come up
"""


class ServeError(Exception):
    """Base of what ends `wherry serve` with a message and exit code 1."""


class CannotListen(ServeError):
    """An address is taken, not ours, or forbidden; the message names it."""


class CannotServeTls(ServeError):
    """A certificate or key is missing, malformed, encrypted, or one does not belong to the other."""


class WorkerFailed(ServeError):
    """A worker ended before it accepted a connection."""
