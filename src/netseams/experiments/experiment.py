"""The shape of an experiment: cells that each leave a file of rows, and what the rows say."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from netseams.core import Config, Registry
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL, SeedSummary
from netseams.store import Provenance

Row = dict[str, Any]
"""One raw result: JSON values only."""

Kind = Literal["count", "share", "accuracy", "loss", "signed", "relative", "ratio", "seconds"]
"""How a column's numbers are written; the names of `netseams.reporting.format`."""


@dataclass(frozen=True)
class Cell:
    """One unit of work: a module-level function of picklable arguments that returns rows.

    It is called as `run(out, *arguments, progress)`. A cell whose file exists is not run again.
    """

    name: str
    run: Callable[..., list[Row]]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = field(default=())
    """Names of cells that must have ended before."""


class ExperimentConfig(Config):
    """What every experiment's config has."""

    seeds: tuple[int, ...] = (0,)
    """Training seeds: the unit of every interval."""


class Column(Config):
    """A column of a table; without a kind it holds words."""

    name: str
    kind: Kind | None = None


class Table(Config):
    """Numbers as they are; how they are written is decided where they are shown."""

    title: str
    columns: tuple[Column, ...]
    rows: list[list[str | float | SeedSummary | None]]
    note: str = ""


class Findings(Config):
    """`findings.json`: what an experiment found, and how it was made."""

    format: Literal["netseams.findings"] = "netseams.findings"
    version: Literal[1] = 1
    experiment: str
    question: str
    primary_metric: str
    """Fixed in the experiment's file before its run."""
    answer: list[str]
    tables: list[Table]
    notes: tuple[str, ...] = ()
    n_seeds: int
    command: str = ""
    provenance: Provenance | None = None
    seconds: float = 0.0

    @property
    def exploratory(self) -> bool:
        """Too few training seeds for an interval."""
        return self.n_seeds < MIN_SEEDS_FOR_INTERVAL


C = TypeVar("C", bound=ExperimentConfig)


class Experiment(ABC, Generic[C]):
    """A question, the work that it takes, and how its rows are read."""

    name: ClassVar[str]
    question: ClassVar[str]
    primary_metric: ClassVar[str]

    @abstractmethod
    def cells(self, config: C) -> list[Cell]:
        """All work, in an order that a single process can follow."""

    @abstractmethod
    def findings(self, config: C, rows: Sequence[Row]) -> Findings:
        """What the rows of all cells say."""


EXPERIMENTS: Registry[type[Experiment[Any]]] = Registry("experiment")


def slug(name: str) -> str:
    """A cell's name as that of a file."""
    return "".join(c if c.isalnum() or c in "-_.=" else "-" for c in name)


def cells_folder(out: Path) -> Path:
    """Where the cells of an experiment leave their rows."""
    return out / "cells"
