"""`wherry serve` as a real process on a free port."""

import http.client
import os
import re
import ssl
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.processes import ServerProcess

# The command beside the interpreter that runs the tests, so that both see the same code.
WHERRY = os.path.join(os.path.dirname(sys.executable), "wherry")

# One line for each address, all written at once: `wherry 1.2.3: serving URL from STORE (2 workers)`.
_SERVING = re.compile(r"^wherry \S+: serving (\S+) from .*\n", re.MULTILINE)


class RunningRegistry(ServerProcess):
    """A registry that answers once this object exists, and is stopped by SIGTERM at the end of `with`.

    `store` is a folder or `memory:`; `flags` are more flags of `wherry serve`, for example
    `"--workers", "2", "--htpasswd", path`. The registry listens on a free port of 127.0.0.1 unless the flags
    name another `--listen`. Raises ServerDied, with the log, when it does not come up.
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        *flags: str | os.PathLike[str],
        env: Mapping[str, str] | None = None,
        seconds: float = 30,
    ) -> None:
        arguments = [os.fspath(flag) for flag in flags]
        if not any(argument.split("=")[0] == "--listen" for argument in arguments):
            arguments = ["--listen", "127.0.0.1:0", *arguments]
        self._folder = tempfile.TemporaryDirectory(prefix="wherry-log-")
        super().__init__(
            [WHERRY, "serve", "--store", os.fspath(store), *arguments], Path(self._folder.name) / "log", env
        )
        try:
            self.wait_until("the start-up line", lambda: bool(_SERVING.search(self.log())), seconds)
            self.urls: list[str] = _SERVING.findall(self.log())
            self.wait_until(f"an answer from {self.url}", self._ready, seconds)
        except BaseException:
            self.kill()
            raise

    @property
    def url(self) -> str:
        """The first address that it serves: `http://127.0.0.1:40031`, or `http+unix:///PATH`; `urls` has all."""
        return self.urls[0]

    @property
    def address(self) -> str:
        """Host and port of `url`, as clients write them in front of a repository's name."""
        return urlsplit(self.url).netloc

    def _ready(self) -> bool:
        over_tcp = [url for url in self.urls if "+unix:" not in url]
        return all(status_of(f"{url}/readyz") == 200 for url in over_tcp)

    def __enter__(self) -> Self:
        return self


def status_of(url: str) -> int:
    """The status of one GET, 0 when nothing answers; a certificate is not checked."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        unchecked = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=unchecked)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
