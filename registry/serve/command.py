"""`wherry serve`."""

from __future__ import annotations

import os
import resource
import secrets
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from registry import settings_sources
from registry.config import Settings, SettingsError

if TYPE_CHECKING:
    from registry.serve.sockets import Listener


def serve(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """Adds the flags of every setting; see docs/serve.md."""
    parser.description = (
        "Serve the registry until SIGTERM or Ctrl-C. Every flag is also a setting of the configuration file "
        "(its name without dashes in front, with _ for -) and a variable (WHERRY_ and the name in capitals); "
        "a flag beats a variable, a variable beats the file."
    )
    settings_sources.add_arguments(parser)
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="Print the settings that hold, as a configuration file that says where each comes from; serve nothing.",
    )
    return run


def run(arguments: Namespace) -> int:
    """Returns when the server was told to stop. SettingsError, ServeError, StoreError where it cannot serve."""
    sourced = settings_sources.read_with_origins(arguments)
    if arguments.print_config:
        from registry.settings_print import as_toml

        sys.stdout.write(as_toml(sourced))
        return 0
    return _serve(sourced.settings, arguments.version)


def _serve(settings: Settings, version: str) -> int:
    from registry.serve import log
    from registry.serve.sockets import bind

    log.configure(settings.log_level)
    listeners = bind(settings.listen, os.environ)
    try:
        return _serve_on(listeners, settings, version)
    finally:
        for listener in listeners:
            listener.close()


def _serve_on(listeners: Sequence[Listener], settings: Settings, version: str) -> int:
    _allow_many_descriptors()
    _check(settings)
    if not settings.metrics:
        return _run_parent(listeners, settings, version, None)
    from registry.observe.metrics_folder import MetricsFolder

    folder = MetricsFolder()
    # Read when prometheus-client is imported, which must be behind this line.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder.path
    try:
        return _run_parent(listeners, settings, version, folder.path)
    finally:
        folder.close()


def _run_parent(listeners: Sequence[Listener], settings: Settings, version: str, metrics_folder: str | None) -> int:
    # All that a worker needs is imported here, once, before the first of them is forked.
    from registry.serve import log
    from registry.serve.parent import Parent
    from registry.serve.tls import ServerTls
    from registry.serve.worker import Worker

    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = ServerTls(settings.tls_cert, settings.tls_key)
    scheme = "http" if tls is None else "https"
    said = _start_up_lines([listener.url(scheme) for listener in listeners], settings, version)
    secret = settings.token_secret.encode() if settings.token_secret is not None else secrets.token_bytes(32)
    worker = Worker(settings, listeners, tls, secret=secret, metrics_folder=metrics_folder)
    return Parent(
        settings.workers,
        worker.run,
        listeners,
        drain_seconds=settings.drain_seconds,
        announce=lambda: log.say(said),
        reload=tls.reload if tls is not None else lambda: False,
        worker_ended=_metrics_forgetter(metrics_folder),
    ).run()


def _metrics_forgetter(folder: str | None) -> Callable[[int], None]:
    if folder is None:
        return lambda pid: None
    from registry.observe.metrics import forget_worker

    return lambda pid: forget_worker(pid, folder)


def _check(settings: Settings) -> None:
    """Opens everything once, here, so that what is wrong is said once and no worker is started for it."""
    from registry.stores import open_store

    open_store(settings.store, floor=settings.free_floor).close()
    if settings.store != "memory:":
        _warn_below_floor(settings)
    if settings.htpasswd is not None:
        from registry.auth.htpasswd import Htpasswd, HtpasswdError

        try:
            Htpasswd(settings.htpasswd)
        except OSError as error:
            raise SettingsError(f"htpasswd: {settings.htpasswd} cannot be read: {error.strerror}") from None
        except HtpasswdError as error:
            raise SettingsError(f"htpasswd: {settings.htpasswd}: {error}") from None


def _warn_below_floor(settings: Settings) -> None:
    """Pulls are served all the same; a push would be the first to tell."""
    import logging

    from registry.settings_values import size_text

    status = os.statvfs(settings.store)
    free = status.f_bavail * status.f_frsize
    if free <= settings.free_floor:
        logging.getLogger("registry.serve").warning(
            "%d bytes are free on the disk of %s, no more than free_floor keeps (%s, set by --free-floor): every "
            "upload gets 507 until there is more room",
            free,
            settings.store,
            size_text(settings.free_floor),
        )


def _start_up_lines(urls: Sequence[str], settings: Settings, version: str) -> str:
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    return "".join(f"wherry {version}: serving {url} from {settings.store} ({workers})\n" for url in urls)


def _allow_many_descriptors() -> None:
    """A connection takes one, a blob being served another; 1024, the usual start, are for programs with select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
