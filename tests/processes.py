"""A server process for the length of a test: started, waited for, stopped, its output kept."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class ServerDied(AssertionError):
    """The process ended, or was not ready in time; the message ends with what it printed last."""


class ServerProcess:
    """A process in a session of its own, whose output goes to `log_file`.

    It also ends (SIGTERM) when the thread that started it does, so that a test run which is itself killed
    leaves nothing behind: start it in a thread that outlives its use.
    """

    def __init__(
        self, command: Sequence[str], log_file: Path, env: Mapping[str, str] | None = None, stop_seconds: float = 30
    ) -> None:
        self.log_file = log_file
        self._stop_seconds = stop_seconds
        with log_file.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *command],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process ID; the process group has the same number."""
        return self.process.pid

    def log(self) -> str:
        """Everything the process printed so far, standard output and error together."""
        return self.log_file.read_text(errors="replace")

    def wait_until(self, what: str, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Returns once `condition()` holds; raises ServerDied when the process ends or `seconds` pass first."""
        deadline = time.monotonic() + seconds
        while not condition():
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.process.wait(timeout=0.02)
                raise ServerDied(f"exited {status} before {what}:\n{self.log()[-4000:]}")
            if time.monotonic() > deadline:
                raise ServerDied(f"not within {seconds:g} s: {what}:\n{self.log()[-4000:]}")

    def stop(self) -> int:
        """SIGTERM, then the wait for the end; gives the exit status (minus the signal's number if killed).

        Raises ServerDied when the process takes longer than `stop_seconds`; it is then killed.
        """
        self.process.terminate()
        try:
            return self.process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            raise ServerDied(f"not within {self._stop_seconds:g} s: the end\n{self.log()[-4000:]}") from None
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the process and all of its children that stayed in its session; harmless when ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"{type(self).__name__} printed last:\n{self.log()[-4000:]}")
        if self.process.poll() is None:
            self.stop()
        else:
            self.kill()
