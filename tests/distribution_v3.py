"""The reference registry, distribution v3, as a real process: what the tests themselves are proved against."""

import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Self

from tests.foreign import need
from tests.processes import ServerProcess
from tests.servers import status_of


class DistributionRegistry(ServerProcess):
    """distribution v3 over a folder, or in memory (`memory:`), on a free port of `host`.

    The parameters mean what the flags of `wherry serve` mean. `url` and `address` are as in RunningRegistry.
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        *,
        host: str = "127.0.0.1",
        htpasswd: Path | None = None,
        tls_cert: Path | None = None,
        tls_key: Path | None = None,
    ) -> None:
        command = need("registry")
        self._folder = tempfile.TemporaryDirectory(prefix="distribution-v3-")
        folder = Path(self._folder.name)
        self.address = f"[{host}]:{_free_port(host)}" if ":" in host else f"{host}:{_free_port(host)}"
        self.url = f"{'https' if tls_cert else 'http'}://{self.address}"
        in_memory = os.fspath(store) == "memory:"
        settings: dict[str, object] = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                **({"inmemory": {}} if in_memory else {"filesystem": {"rootdirectory": os.fspath(store)}}),
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {
                "addr": self.address,
                **({"tls": {"certificate": str(tls_cert), "key": str(tls_key)}} if tls_cert else {}),
            },
        }
        if htpasswd is not None:
            settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(htpasswd)}}
        # JSON is YAML, which is what the program reads.
        (folder / "config.yml").write_text(json.dumps(settings))
        super().__init__(
            [command, "serve", str(folder / "config.yml")],
            folder / "log",
            {"OTEL_TRACES_EXPORTER": "none"},
        )
        try:
            self.wait_until(f"an answer from {self.url}", lambda: status_of(f"{self.url}/v2/") in (200, 401))
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port
