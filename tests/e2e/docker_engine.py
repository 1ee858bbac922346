"""A docker engine of the tests' own: its socket, data, settings and mounts are nobody else's."""

import os
import shutil
import tempfile
from pathlib import Path

from tests.foreign import need, run
from tests.processes import ServerProcess

NAME_OF_LOOPBACK = "registry.test"
"""A host name that this engine, and nothing else on the machine, knows: it stands for `::1`.

Docker trusts any certificate from 127.0.0.0/8 without looking at it. This name is how it comes to look.
"""

# What the engine reads of the machine's settings comes from the tests, and its data is in memory, where
# unpacking and removing tens of thousands of files is quick: all in a mount namespace, which takes every
# mount of the engine with it when it ends.
_START = """
mount --bind "$0/hosts" /etc/hosts
mount --bind "$0/etc" /etc/docker
mount -t tmpfs tmpfs "$0/data"
exec "$@"
"""


class DockerEngine(ServerProcess):
    """dockerd with its containerd, ready to answer; stopped and swept away at the end of `with`."""

    def __init__(self) -> None:
        dockerd, self._client = need("dockerd"), need("docker")
        # The socket's path has to fit in 107 bytes, so the folder is not one of pytest's.
        self._folder = Path(tempfile.mkdtemp(prefix="docker-"))
        for name in ("etc", "client", "data"):
            (self._folder / name).mkdir()
        (self._folder / "hosts").write_text(f"127.0.0.1 localhost\n::1 {NAME_OF_LOOPBACK}\n")
        # A place to mount over; the package does not bring it.
        os.makedirs("/etc/docker", exist_ok=True)
        self._host = f"unix://{self._folder}/docker.sock"
        super().__init__(
            [
                *("unshare", "--mount", "--propagation", "private"),
                *("sh", "-euc", _START, str(self._folder)),
                dockerd,
                f"--host={self._host}",
                f"--data-root={self._folder}/data",
                f"--exec-root={self._folder}/exec",
                f"--pidfile={self._folder}/docker.pid",
                "--storage-driver=overlay2",
                "--log-level=warn",
                # No container runs here, so the machine's bridges and packet filter are left alone.
                *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"),
            ],
            self._folder / "log",
        )
        try:
            self.wait_until("docker's socket", (self._folder / "docker.sock").is_socket, 60)
            self.docker("version")
        except BaseException:
            self.kill()
            raise

    @property
    def host(self) -> str:
        """Where the engine listens, as in DOCKER_HOST."""
        return self._host

    def docker(self, *arguments: str, stdin: str = "", fails_with: str = "") -> str:
        """Runs the docker client against this engine; see tests.foreign.run."""
        env = {"DOCKER_HOST": self._host, "DOCKER_CONFIG": str(self._folder / "client")}
        return run(self._client, *arguments, env=env, stdin=stdin, fails_with=fails_with)

    def trust(self, address: str, authority: Path) -> None:
        """Makes the engine trust certificates of this authority from a registry at `address` (host:port)."""
        folder = self._folder / "etc" / "certs.d" / address
        folder.mkdir(parents=True)
        shutil.copy(authority, folder / "ca.crt")

    def kill(self) -> None:
        """Ends the engine at once and removes its folder."""
        super().kill()
        shutil.rmtree(self._folder, ignore_errors=True)
