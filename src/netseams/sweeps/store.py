"""Where the points of sweeps are kept, and who works on which.

A point's folder is named by its digest, so that any number of plans share a store and no point is
run twice. Whoever works on a point holds a lock on a file in its folder. The system lets go of it
when that process ends, however it ends, on this machine or on another one that shares the folder:
a lock is never stale, and nobody needs to guess whether a worker is dead.
"""

import contextlib
import errno
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from netseams.core import Config, DivergedError, StorageError
from netseams.store import WorkFolder, write_text
from netseams.store.files import storage_errors
from netseams.sweeps.plan import Point

State = Literal["waiting", "done", "diverged"]


class SearchRow(Config):
    """The smallest circuit of one task at one target."""

    task: str
    network: Literal["trained", "untrained"]
    target: float
    """Loss on the select split that was asked for, in nats."""
    nodes: int | None
    """None: not reached at any size."""
    edges: int | None
    accuracy: float
    """Of the whole network, on the report split."""
    learned: bool
    best_loss: float
    """The least that any mask on the way reached, in nats."""


class PointResult(Config):
    """`result.json`: what a point came to."""

    format: Literal["netseams.point"] = "netseams.point"
    version: Literal[1] = 1
    name: str
    point: str
    """Its digest."""
    seed: int
    arm: str
    test_loss: float
    n_parameters: int
    l0: int
    n_edge_weights: int
    l0_edges: int
    fingerprint: str
    searches: tuple[SearchRow, ...] = ()
    seconds: float = 0.0
    """Of training and searching, by all who took part."""


class Divergence(Config):
    """`diverged.json`: a point whose loss became no number. It is not tried again."""

    name: str
    seed: int
    message: str


class SweepStore:
    """Folders of points under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, point: Point) -> Path:
        """Of one point."""
        return self.root / "points" / point.digest()

    def state(self, point: Point) -> State:
        """Whether there is something left to do."""
        folder = self.folder(point)
        if (folder / "result.json").exists():
            return "done"
        return "diverged" if (folder / "diverged.json").exists() else "waiting"

    def result(self, point: Point) -> PointResult:
        """What a finished point came to, under the name that this plan gives it.

        Raises:
            FileFormatError: it is missing or damaged.
        """
        found = PointResult.read(self.folder(point) / "result.json")
        return found.model_copy(update={"name": point.name})

    def finish(self, point: Point, result: PointResult) -> None:
        """Keep what a point came to."""
        write_text(self.folder(point) / "result.json", result.model_dump_json(indent=1))

    def mark_diverged(self, point: Point, error: DivergedError) -> None:
        """Keep that there is nothing to be had here."""
        found = Divergence(name=point.name, seed=point.run.seed, message=str(error))
        write_text(self.folder(point) / "diverged.json", found.model_dump_json(indent=1))

    def divergence(self, point: Point) -> Divergence:
        """What is known of a point that diverged."""
        return Divergence.read(self.folder(point) / "diverged.json")

    @contextlib.contextmanager
    def claim(self, point: Point) -> Iterator[bool]:
        """Hold a point; gives False where somebody else does.

        Raises:
            StorageError: the folder cannot be written, or its file system knows no locks.
        """
        folder = WorkFolder(self.folder(point))
        folder.claim(point.model_copy(update={"name": "-"}))
        path = folder / "lock"
        with storage_errors(path):
            handle = path.open("a")
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                    raise
                raise StorageError(
                    f"{self.root} lies on a file system without locks, so that two workers could "
                    "take one point: choose another --out"
                ) from None
            yield True
