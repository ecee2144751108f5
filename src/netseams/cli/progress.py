"""Progress of many jobs on a terminal; a line per stage elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


def console(quiet: bool = False) -> Console:
    """The terminal; 100 columns where there is none, so that tables stay whole in a log."""
    found = Console(quiet=quiet)
    return found if found.is_terminal else Console(width=100, quiet=quiet)


class JobProgress:
    """One bar for all jobs with rate and time left, and a line for each that is running."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._running: dict[str, tuple[TaskID, float]] = {}
        self._stages: dict[str, list[int]] = {}
        self._ended: set[str] = set()
        self._all: TaskID | None = None
        self._started = time.monotonic()

    def __enter__(self) -> "JobProgress":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def plan(self, names: list[str]) -> None:
        """Learn how many jobs there will be."""
        for name in names:
            self._stages.setdefault(_stage(name), [0, 0])[1] += 1
        self._all = self._bars.add_task("all jobs", total=len(names), state="")

    def report(self, name: str, done: int, total: int, word: str) -> None:
        """A job moved on; the last report of a job has done == total and no word."""
        now = time.monotonic()
        if done >= total and not word:
            self._end(name)
            return
        if name in self._ended:
            return
        if name not in self._running:
            self._running[name] = (self._bars.add_task(name, total=total, state=""), now)
        bar, since = self._running[name]
        rate = done / max(1e-9, now - since)
        left = f"{rate:.1f}/s, {_clock((total - done) / rate)} left" if rate > 0 else ""
        self._bars.update(bar, completed=done, total=total, state=f"{word} {left}")

    def _end(self, name: str) -> None:
        if name in self._ended:
            return
        self._ended.add(name)
        if name in self._running:
            self._bars.remove_task(self._running.pop(name)[0])
        stage = self._stages[_stage(name)]
        stage[0] += 1
        if self._all is not None:
            self._bars.update(self._all, advance=1, state=f"{name} done")
        if stage[0] == stage[1] and not self.console.is_terminal:
            elapsed = _clock(time.monotonic() - self._started)
            self.console.print(f"{_stage(name)}: {stage[1]} done after {elapsed}")


def _stage(name: str) -> str:
    return name.split(" ", 1)[0]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
