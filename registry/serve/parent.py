"""The parent: starts the workers, watches them, passes signals on, ends when they have.

It forks, although fresh interpreters would be simpler. Measured with two workers that had aiohttp, uvloop and bcrypt
loaded: 32 MB (PSS of all three processes) against 62, and one import of 0.35 s instead of two at the same time. Forking
is safe here because this process has one thread and never an event loop, and `start` makes sure of it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from registry.serve.balance import Balance
from registry.serve.errors import WorkerFailed
from registry.serve.sockets import Listener
from storage_backends.errors import StoreError

LOG: Final = logging.getLogger("registry.serve")

_SIGNALS: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# A worker that lived for less is started again only after a pause, which doubles from the first of these to the last.
_SHORT_LIFE: Final = 5.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
# So many times in a row a worker may end before it accepts; then nothing will help, and whoever started us decides.
_MOST_FAILURES: Final = 4
# What a worker may take to end beyond its draining: closing the store, leaving the interpreter.
_LAST_SECONDS: Final = 5.0


class WorkerLinks:
    """What a new worker gets from the parent besides what both had before.

    `ready`: a pipe to which one byte is written once the worker accepts connections. `parent`: the end of a pipe that
    reads EOF when the parent is gone, however it went.
    """

    __slots__ = ("balance", "index", "parent", "ready")

    def __init__(self, index: int, ready: int, parent: int, balance: Balance) -> None:
        self.index, self.ready, self.parent, self.balance = index, ready, parent, balance


class RunWorker(Protocol):
    """The worker's whole life, in the forked process; gives its exit code."""

    def __call__(self, links: WorkerLinks) -> int: ...


class _Slot:
    """One place for a worker: who is in it, or when the next one is started."""

    __slots__ = ("failures", "index", "pause", "pid", "ready", "ready_pipe", "restart_at", "started")

    def __init__(self, index: int) -> None:
        self.index = index
        self.pid: int | None = None
        self.ready = False
        self.ready_pipe: int | None = None
        self.started = 0.0
        self.pause = _FIRST_PAUSE
        self.failures = 0
        self.restart_at: float | None = None


class Parent:
    """Runs `workers` workers until it is told to stop; `announce` is called once, when all accept.

    On SIGHUP `reload` reads in this process, for workers to come, what can be read again; the workers that are there
    are told only if it gives True. `worker_ended` gets the process ID of a dead one.
    """

    def __init__(
        self,
        workers: int,
        run_worker: RunWorker,
        listeners: Sequence[Listener],
        *,
        drain_seconds: float,
        announce: Callable[[], None],
        reload: Callable[[], bool] = lambda: True,
        worker_ended: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self._run_worker, self._listeners = run_worker, listeners
        self._drain_seconds, self._announce = drain_seconds, announce
        self._reload, self._worker_ended = reload, worker_ended
        self._balance = Balance(workers)
        self._slots = [_Slot(index) for index in range(workers)]
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = _pipe()
        self._life_read, self._life_write = _pipe()
        self._signals: list[int] = []
        self._announced = False
        self._kill_at: float | None = None

    def run(self) -> int:
        """The exit code: 0 after SIGTERM or SIGINT. Raises WorkerFailed, when all others have been stopped."""
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        wake_before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        try:
            # What was loaded so far is the same in all: kept out of the collections that would write to its pages.
            gc.collect()
            gc.freeze()
            for slot in self._slots:
                self._start(slot)
            try:
                while self._kill_at is None or any(slot.pid is not None for slot in self._slots):
                    self._turn()
            except BaseException:
                self._stop()
                while any(slot.pid is not None for slot in self._slots):
                    self._turn()
                raise
        finally:
            signal.set_wakeup_fd(wake_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            for descriptor in (self._woken, self._wake, self._life_read, self._life_write):
                os.close(descriptor)
        return 0

    def _note(self, number: int, frame: object) -> None:
        self._signals.append(number)

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.fd == self._woken:
                os.read(self._woken, 4096)
            else:
                self._hear(key.data)
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGINT and self._kill_at is not None:
                LOG.warning("a second SIGINT: requests that are running are cut")
                self._kill_at = time.monotonic()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP:
                if self._reload():
                    self._tell_all(signal.SIGHUP)
        self._reap()
        now = time.monotonic()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = now + _LAST_SECONDS
            self._tell_all(signal.SIGKILL)
        for slot in self._slots:
            if slot.restart_at is not None and now >= slot.restart_at:
                self._start(slot)

    def _patience(self) -> float | None:
        """Seconds until something is due without a signal."""
        due = [slot.restart_at for slot in self._slots if slot.restart_at is not None]
        if self._kill_at is not None:
            due.append(self._kill_at)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _start(self, slot: _Slot) -> None:
        threads = len(os.listdir("/proc/self/task"))
        if threads != 1:
            raise RuntimeError(f"the parent has {threads} threads; a fork would copy one of them and all locks")
        ready_read, ready_write = _pipe()
        links = WorkerLinks(slot.index, ready_write, self._life_read, self._balance)
        # What is buffered would be written by both; where nobody reads it any more, it is no matter.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        # A signal in between would be noted in the new process and lost there.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            slot.pid = os.fork()
            if slot.pid == 0:
                self._be_worker(links, ready_read)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.close(ready_write)
        slot.started, slot.ready, slot.restart_at, slot.ready_pipe = time.monotonic(), False, None, ready_read
        self._selector.register(ready_read, selectors.EVENT_READ, slot)

    def _be_worker(self, links: WorkerLinks, ready_read: int) -> None:
        """Never returns: whatever happens, a worker must not go on as a second parent."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                # Ctrl-C reaches the whole group; the parent is the one that decides what it means.
                signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._selector.close()
            for descriptor in (self._woken, self._wake, self._life_write, ready_read):
                os.close(descriptor)
            for slot in self._slots:
                if slot.ready_pipe is not None:
                    os.close(slot.ready_pipe)
            code = self._run_worker(links)
        except StoreError as error:
            LOG.error("worker %d cannot open the store: %s", os.getpid(), error)
        except BaseException:
            LOG.exception("worker %d failed", os.getpid())
        finally:
            logging.shutdown()
            os._exit(code)

    def _hear(self, slot: _Slot) -> None:
        """The worker in this place has said that it accepts, or has closed its end without a word."""
        assert slot.ready_pipe is not None
        slot.ready = os.read(slot.ready_pipe, 1) != b""
        self._forget_pipe(slot)
        if slot.ready:
            slot.failures = 0
            if not self._announced and all(one.ready for one in self._slots):
                self._announced = True
                self._announce()

    def _forget_pipe(self, slot: _Slot) -> None:
        if slot.ready_pipe is not None:
            self._selector.unregister(slot.ready_pipe)
            os.close(slot.ready_pipe)
            slot.ready_pipe = None

    def _reap(self) -> None:
        by_pid = {slot.pid: slot for slot in self._slots if slot.pid is not None}
        while by_pid:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in by_pid:
                self._ended(by_pid.pop(pid), pid, os.waitstatus_to_exitcode(status))

    def _ended(self, slot: _Slot, pid: int, code: int) -> None:
        slot.pid = None
        self._balance.forget(slot.index)
        if slot.ready_pipe is not None:
            # It may have become ready and died since the last look.
            self._hear(slot)
        self._worker_ended(pid)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        if self._kill_at is not None:
            if code:
                LOG.warning("worker %d %s while it was stopping", pid, how)
            return
        if not slot.ready:
            slot.failures += 1
            if slot.failures >= _MOST_FAILURES:
                raise WorkerFailed(f"a worker {how} before it accepted connections; its messages say why")
        if time.monotonic() - slot.started >= _SHORT_LIFE:
            slot.pause = _FIRST_PAUSE
            slot.restart_at = time.monotonic()
            LOG.error("worker %d %s; starting another", pid, how)
        else:
            slot.restart_at = time.monotonic() + slot.pause
            LOG.error("worker %d %s soon after its start; starting another in %g s", pid, how, slot.pause)
            slot.pause = min(2 * slot.pause, _LONGEST_PAUSE)

    def _stop(self) -> None:
        if self._kill_at is not None:
            return
        for slot in self._slots:
            slot.restart_at = None
        for listener in self._listeners:
            listener.close()
        self._kill_at = time.monotonic() + self._drain_seconds + _LAST_SECONDS
        self._tell_all(signal.SIGTERM)

    def _tell_all(self, number: int) -> None:
        for slot in self._slots:
            if slot.pid is not None:
                # Not reaped yet, so the number cannot have become somebody else's.
                os.kill(slot.pid, number)


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, write
