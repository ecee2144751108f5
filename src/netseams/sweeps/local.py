"""A sweep on worker processes of this machine; other drivers, here or elsewhere, may help."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from netseams.comparison.pool import JobError
from netseams.core import NetseamsError
from netseams.sweeps.plan import Plan, check_plan
from netseams.sweeps.store import SweepStore
from netseams.sweeps.worker import POLL, Report, work

MOST_DEATHS = 5
"""Workers that may die, one after the other, without a point being finished in between."""


@dataclass(frozen=True)
class Outcome:
    """How the points of a plan ended."""

    done: int
    diverged: int


def sweep_local(
    plan: Plan,
    store: SweepStore,
    *,
    n_workers: int = 1,
    threads: int = 1,
    report: Report | None = None,
) -> Outcome:
    """Run what no one has run; goes on where an earlier call stopped.

    A worker that dies is replaced, and its point goes on from its checkpoint.

    Raises:
        SettingError: the plan is refused.
        JobError: a point cannot be run, or workers keep dying.
        KeyboardInterrupt: on Ctrl-C, after the workers were stopped.
    """
    check_plan(plan)
    report = report or (lambda *_: None)
    if n_workers <= 1:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            work(plan, store, report)
        finally:
            torch.set_num_threads(before)
    else:
        _Crew(plan, store, n_workers, threads, report).run()
    return outcome(plan, store)


def outcome(plan: Plan, store: SweepStore) -> Outcome:
    """Points that are done, and that diverged."""
    states = [store.state(point) for point in plan.points]
    return Outcome(states.count("done"), states.count("diverged"))


class _Crew:
    """Processes that take points, and who looks after them."""

    def __init__(
        self, plan: Plan, store: SweepStore, n_workers: int, threads: int, report: Report
    ) -> None:
        self.plan, self.store, self.n_workers, self.threads = plan, store, n_workers, threads
        self.report = report
        self._context = multiprocessing.get_context("spawn")
        # One pipe a worker: a queue that they share would be left locked by one that is killed.
        self._workers: dict[Any, Any] = {}

    def run(self) -> None:
        deaths, known = 0, self._left()
        try:
            for number in range(min(self.n_workers, max(1, known))):
                self._start(number)
            while self._workers:
                for pipe in multiprocessing.connection.wait(list(self._workers), timeout=POLL):
                    deaths += self._hear(pipe)
                left = self._left()
                deaths, known = (deaths, known) if left == known else (0, left)
                if deaths > MOST_DEATHS:
                    raise JobError(
                        f"{deaths} worker processes died and no point was finished (out of "
                        "memory?): run the same command again with fewer --workers"
                    )
        finally:
            for process in self._workers.values():
                process.terminate()
            for process in self._workers.values():
                process.join()

    def _left(self) -> int:
        return sum(self.store.state(point) == "waiting" for point in self.plan.points)

    def _start(self, number: int) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        first = number * len(self.plan.points) // self.n_workers
        arguments = (self.plan, self.store, self.threads, first, theirs, os.getpid())
        process = self._context.Process(target=_worker, args=arguments, daemon=True)
        # Blocked, and so in the worker too: Ctrl-C while one starts would break both.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._workers[ours] = process

    def _hear(self, pipe: Any) -> int:
        """One message; 1 where the worker has died."""
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            message = None
        if isinstance(message, tuple):
            self.report(*message)
            return 0
        process = self._workers.pop(pipe)
        process.join()
        if isinstance(message, NetseamsError):
            raise JobError(str(message), message.exit_code)
        if process.exitcode == 0 or not self._left():
            return 0
        self._start(0)
        return 1


def _worker(
    plan: Plan, store: SweepStore, threads: int, first: int, pipe: Any, parent: int
) -> None:
    torch.set_num_threads(threads)
    # Ctrl-C reaches the whole process group; the driver decides what happens to workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        work(plan, store, _now_and_then(pipe.send), first)
    except NetseamsError as error:
        pipe.send(JobError(str(error), error.exit_code))


def _now_and_then(send: Callable[[tuple[str, int, int, str]], None]) -> Report:
    """Reports that end a point, and others twice a second."""
    last = 0.0

    def report(name: str, done: int, total: int, word: str) -> None:
        nonlocal last
        now = time.monotonic()
        if (done >= total and not word) or now - last >= POLL:
            last = now
            send((name, done, total, word))

    return report


def _end_with(parent: int) -> None:
    """A killed driver leaves no worker behind; another one takes up its points."""
    while os.getppid() == parent:
        time.sleep(POLL)
    os._exit(1)
