"""THE table of settings: the file's reader, the variables, the flags, `--print-config` and the documents follow it.

A setting's name is its key in the TOML file; the flag is `--name-with-dashes`, the variable `WHERRY_NAME`. A secret
can also be given as the path of a file that holds it, in `WHERRY_NAME_FILE`.
"""

from __future__ import annotations

from typing import Any, Final

from registry import listen_address
from registry.auth import patterns
from registry.settings_values import Choice, Count, Duration, Kind, Size, Switch, Text, Texts


class Setting:
    """One row. `default` None means unset, or computed by `Settings` (workers)."""

    __slots__ = ("default", "help", "kind", "metavar", "name", "secret")

    def __init__(self, name: str, kind: Kind, default: Any, metavar: str, help: str, *, secret: bool = False) -> None:
        self.name, self.kind, self.default = name, kind, default
        self.metavar, self.help, self.secret = metavar, help, secret

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


PREFIX: Final = "WHERRY_"


def _network(text: str) -> None:
    # Thirty milliseconds of classes that only a server behind a proxy needs.
    import ipaddress

    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(str(error)) from None


def _external_url(text: str) -> str:
    from urllib.parse import urlsplit

    accepted = "http:// or https:// with a host and no path, for example https://registry.example.org"
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 (raises ValueError for a port that is none)
    except ValueError:
        raise ValueError(accepted) from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or "@" in parts.netloc
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or not text.isprintable()
        or " " in text
    ):
        raise ValueError(accepted)
    return f"{parts.scheme}://{parts.netloc}"


def _store(text: str) -> None:
    scheme, colon, _ = text.partition(":")
    if colon and "/" not in scheme and text != "memory:":
        raise ValueError(
            "the path of a folder, or memory:; write a relative path whose name has a colon with ./ in front"
        )


def _secret(text: str) -> None:
    if len(text) < 16:
        raise ValueError("text of 16 characters or more, for example from `openssl rand -hex 32`")


_PATH: Final = "a path"

TABLE: Final = (
    Setting(
        "listen",
        Texts("one or more of " + listen_address.FORMS, listen_address.parse, least=1),
        ("127.0.0.1:5000",),
        "ADDRESS",
        "Where to listen: HOST:PORT, [IPV6]:PORT (port 0 is any free one), unix:/PATH (the socket file gets mode 660, "
        "or another with ?mode=OCTAL behind the path), or systemd for the sockets of a systemd socket unit.",
    ),
    Setting(
        "store",
        Text("the path of a folder, or memory:", check=_store),
        "./wherry-data",
        "PATH",
        "The folder that keeps all data (made when absent), or memory: for a registry that forgets "
        "everything when it stops.",
    ),
    Setting(
        "workers",
        Count(1, 1024),
        None,
        "N",
        "Processes that answer requests. Default: one for each core that the server may use; with memory: "
        "one, and no more.",
    ),
    Setting(
        "tls_cert",
        Text(_PATH, optional=True),
        None,
        "FILE",
        "Serve HTTPS with this certificate chain (PEM); needs tls-key. Read again on SIGHUP.",
    ),
    Setting("tls_key", Text(_PATH, optional=True), None, "FILE", "The private key (PEM) of tls-cert."),
    Setting(
        "external_url",
        Text("a URL", optional=True, check=_external_url),
        None,
        "URL",
        "The address that clients use, for example https://registry.example.org; Location headers become absolute "
        "with it. Unset: they are relative, which is right behind any proxy.",
    ),
    Setting(
        "trusted_proxies",
        Texts("IP addresses or networks such as 10.0.0.0/8", _network),
        (),
        "NETWORK",
        "A proxy, by address or network, whose Forwarded and X-Forwarded-* headers are believed.",
    ),
    Setting(
        "htpasswd",
        Text(_PATH, optional=True),
        None,
        "FILE",
        "Users and their bcrypt hashes, made by `wherry htpasswd`; read again when it changes. Unset: everybody may "
        "do everything.",
    ),
    Setting("anonymous_pull", Switch(), False, "BOOL", "Pulling needs no user, although there is an htpasswd file."),
    Setting(
        "token_secret",
        Text("text of 16 characters or more", optional=True, check=_secret),
        None,
        "TEXT",
        "The key that signs tokens; servers that share it take each other's. Unset: a new one at each start, and "
        "clients ask for new tokens. Best given as a file, in WHERRY_TOKEN_SECRET_FILE: other users can see flags.",
        secret=True,
    ),
    Setting(
        "immutable",
        Texts("patterns TAG or REPOSITORY:TAG with *, ? and [...]", patterns.check_tags),
        (),
        "PATTERN",
        "Tags that never move or go: a pattern for the tag, or REPOSITORY:TAG with a pattern on each side, for "
        "example 'v*' or 'release/*:*'.",
    ),
    Setting(
        "sparse",
        Texts("patterns of repositories with *, ? and [...]", patterns.check_repositories),
        (),
        "PATTERN",
        "Repositories in which an index is accepted although manifests that it names are not there.",
    ),
    Setting("read_only", Switch(), False, "BOOL", "Answer pulls only: every push and every deletion is refused."),
    Setting("no_delete", Switch(), False, "BOOL", "Refuse deletions through the API."),
    Setting(
        "grace",
        Duration(),
        86400.0,
        "TIME",
        "How long the collector leaves alone what nothing refers to, counted from when it was written.",
    ),
    Setting(
        "trash_time",
        Duration(),
        86400.0,
        "TIME",
        "How long the collector keeps what it has condemned before it deletes the bytes.",
    ),
    Setting("session_time", Duration(), 604800.0, "TIME", "How long an upload that nobody goes on with is kept."),
    Setting(
        "gc_every",
        Duration(least=1, optional=True),
        None,
        "TIME",
        "Run the collector inside the server this often, in one worker of all. Default: off; run `wherry gc`.",
    ),
    Setting(
        "delete_untagged",
        Switch(),
        False,
        "BOOL",
        "The collector also deletes manifests that have no tag and that nothing refers to (see older-than).",
    ),
    Setting(
        "older_than",
        Duration(),
        2592000.0,
        "TIME",
        "The age from which delete-untagged takes a manifest.",
    ),
    Setting(
        "free_floor",
        Size(),
        512 << 20,
        "SIZE",
        "With less free space than this on the store's disk, uploads get 507. 0: no floor.",
    ),
    Setting("manifest_limit", Size(least=1024), 4 << 20, "SIZE", "The largest manifest that is accepted."),
    Setting("page_limit", Count(1, 100_000), 1000, "N", "The most entries in one page of a list."),
    Setting(
        "max_uploads",
        Count(1, 1_000_000),
        64,
        "N",
        "Upload bodies that each worker takes in at once; more get 429 with Retry-After.",
    ),
    Setting(
        "upload_memory", Size(least=1 << 20), 32 << 20, "SIZE", "Memory that each worker lends to running uploads."
    ),
    Setting("threads", Count(1, 1024), 16, "N", "Store operations that each worker has in flight at once."),
    Setting("header_limit", Size(least=1024), 16 << 10, "SIZE", "The largest request line, and the largest header."),
    Setting(
        "header_timeout",
        Duration(least=0.1),
        10.0,
        "TIME",
        "A connection whose request line and headers have not arrived within this time is closed.",
    ),
    Setting(
        "body_timeout", Duration(least=0.1), 60.0, "TIME", "An upload of which no byte arrives for this time is cut."
    ),
    Setting("keepalive", Duration(least=0.1), 75.0, "TIME", "How long a connection may be idle between requests."),
    Setting(
        "drain_seconds",
        Duration(),
        30.0,
        "TIME",
        "After SIGTERM, how long requests that are running may take to end.",
    ),
    Setting(
        "access_log",
        Choice("off", "plain", "json"),
        "plain",
        "FORM",
        "One line a request on standard error: plain, json, or off.",
    ),
    Setting(
        "log_level",
        Choice("debug", "info", "warning", "error"),
        "info",
        "LEVEL",
        "The least important messages that are still written: debug, info, warning or error.",
    ),
    Setting("metrics", Switch(), True, "BOOL", "Answer /metrics for Prometheus, over all workers."),
)

BY_NAME: Final = {setting.name: setting for setting in TABLE}
