"""A comparison in the order in which it is told: by corpus, by task, by arm. No number is made."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from netseams.comparison.result import (
    MANY_ARMS,
    ArmRow,
    Comparison,
    CorpusFacts,
    NetworkRow,
    RouteRow,
    SearchRow,
    SizeRatio,
    SpecificityMatrix,
    TaskFacts,
)
from netseams.core import FileFormatError


class _OfCorpus(Protocol):
    @property
    def corpus(self) -> str: ...


Row = TypeVar("Row", bound=_OfCorpus)


@dataclass(frozen=True)
class Placed(Generic[Row]):
    """A row and its place in the file, which is what the page cites."""

    path: str
    row: Row


@dataclass(frozen=True)
class TaskView:
    """One task and its line in every arm."""

    path: str
    facts: TaskFacts
    routes: list[Placed[RouteRow]]


@dataclass(frozen=True)
class CorpusView:
    """Everything about one corpus."""

    path: str
    facts: CorpusFacts
    slug: str
    tasks: list[TaskView]
    """Tasks that were measured."""
    missing: list[TaskFacts]
    arms: list[Placed[ArmRow]]
    """The reference first."""
    ratios: list[Placed[SizeRatio]]
    networks: list[Placed[NetworkRow]]
    matrices: list[Placed[SpecificityMatrix]]
    budgets: list[Placed[SearchRow]]
    """The first search of every task, arm and kind of network."""

    @property
    def many(self) -> bool:
        """Whether there are too many arms for a figure of each."""
        return len(self.arms) > MANY_ARMS

    @property
    def pairs(self) -> list[tuple[str, list[Placed[SizeRatio]]]]:
        """Ratios by what they put over what."""
        found: dict[str, list[Placed[SizeRatio]]] = {}
        for placed in self.ratios:
            row = placed.row
            title = f"{row.numerator} over {row.denominator}"
            title += ", with calibrated logits" if row.calibrated else ""
            found.setdefault(title, []).append(placed)
        return list(found.items())


def corpus_views(comparison: Comparison) -> list[CorpusView]:
    """Group every row by corpus.

    Raises:
        FileFormatError: a row names a corpus or a task that the file does not describe.
    """
    _check_names(comparison)
    return [_corpus(comparison, i) for i in range(len(comparison.corpora))]


def _corpus(comparison: Comparison, i: int) -> CorpusView:
    facts = comparison.corpora[i]
    tasks: list[TaskView] = []
    missing: list[TaskFacts] = []
    for j, task in enumerate(comparison.tasks):
        if task.corpus != facts.name:
            continue
        routes = [p for p in placed("routes", comparison.routes, facts.name)
                  if p.row.task == task.name]  # fmt: skip
        if routes:
            tasks.append(TaskView(f"tasks.{j}", task, routes))
        else:
            missing.append(task)
    return CorpusView(
        path=f"corpora.{i}",
        facts=facts,
        slug=f"{i}-{slug(facts.name)}",
        tasks=tasks,
        missing=missing,
        arms=list(placed("arms", comparison.arms, facts.name)),
        ratios=list(placed("ratios", comparison.ratios, facts.name)),
        networks=list(placed("networks", comparison.networks, facts.name)),
        matrices=list(placed("matrices", comparison.matrices, facts.name)),
        budgets=_first_of_each(list(placed("searches", comparison.searches, facts.name))),
    )


def placed(name: str, rows: Sequence[Row], corpus: str) -> Iterator[Placed[Row]]:
    """The rows of one corpus, each with its path."""
    for i, row in enumerate(rows):
        if row.corpus == corpus:
            yield Placed(f"{name}.{i}", row)


def _first_of_each(searches: list[Placed[SearchRow]]) -> list[Placed[SearchRow]]:
    seen: dict[tuple[str, str, str], Placed[SearchRow]] = {}
    for search in searches:
        seen.setdefault((search.row.task, search.row.arm, search.row.network), search)
    return list(seen.values())


def arm_names(comparison: Comparison) -> list[str]:
    """Every arm once, in the order of the file."""
    return list(dict.fromkeys(row.name for row in comparison.arms))


def controls_of(view: CorpusView) -> list[str]:
    """The controls that some circuit of this corpus was held against, in the order of the file."""
    rows = [placed.row for task in view.tasks for placed in task.routes]
    return list(dict.fromkeys(beats.control for row in rows for beats in row.beats))


def _check_names(comparison: Comparison) -> None:
    """A row under an unknown name would silently be left off the page."""
    arms = {(row.corpus, row.name) for row in comparison.arms}
    for name in ("routes", "networks", "matrices", "circuits", "searches", "drawings"):
        for i, row in enumerate(getattr(comparison, name)):
            if (row.corpus, row.arm) not in arms:
                raise FileFormatError(
                    f"comparison.json: {name}.{i} is about arm {row.arm!r} of corpus "
                    f"{row.corpus!r}, which arms does not list"
                )
    tasks = {(task.corpus, task.name) for task in comparison.tasks}
    corpora = {corpus.name for corpus in comparison.corpora}
    for i, row in enumerate(comparison.routes):
        if (row.corpus, row.task) not in tasks:
            raise FileFormatError(
                f"comparison.json: routes.{i} is about task {row.task!r} of corpus "
                f"{row.corpus!r}, which tasks does not list"
            )
    for name in ("tasks", "arms", "networks", "ratios", "matrices", "searches", "drawings"):
        for i, row in enumerate(getattr(comparison, name)):
            if row.corpus not in corpora:
                raise FileFormatError(
                    f"comparison.json: {name}.{i} is about corpus {row.corpus!r}, "
                    "which corpora does not list"
                )


def slug(text: str) -> str:
    """A name fit for files and anchors."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:40] or "x"
