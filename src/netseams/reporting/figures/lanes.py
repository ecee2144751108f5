"""The lines of the headline figure: one an arm of a task, grouped by corpus."""

from dataclasses import dataclass

from netseams.comparison.result import CircuitRow, Comparison, RouteRow, TaskFacts
from netseams.reporting.view import CorpusView

OFFSET = 0.21
"""Distance of an arm's lane from the middle of its task, in task rows."""
_HEADING = 0.85


@dataclass(frozen=True)
class Lane:
    """One arm of one task."""

    y: float
    middle: float
    """The task's middle, between its two lanes."""
    facts: TaskFacts
    target: float
    route: RouteRow
    circuits: list[CircuitRow]
    """Its circuits at the primary target, in every seed and kind of network."""


@dataclass(frozen=True)
class Lanes:
    """All lines, and where the headings of the corpora go."""

    lanes: list[Lane]
    headings: list[tuple[float, CorpusView]]
    height: float


def lanes_of(comparison: Comparison, views: list[CorpusView]) -> Lanes:
    """Place every arm of every measured task."""
    lanes: list[Lane] = []
    headings: list[tuple[float, CorpusView]] = []
    y = 0.0
    for view in views:
        if not view.tasks:
            continue
        headings.append((y + 0.6 * _HEADING, view))
        y += _HEADING
        for task in view.tasks:
            for placed in task.routes:
                row = placed.row
                circuits = [
                    c
                    for c in comparison.circuits
                    if (c.corpus, c.task, c.arm) == (row.corpus, row.task, row.arm)
                    and c.target == view.facts.primary_target
                ]
                lanes.append(
                    Lane(
                        y=y + 0.5 + (-OFFSET if row.arm == "dense" else OFFSET),
                        middle=y + 0.5,
                        facts=task.facts,
                        target=view.facts.primary_target,
                        route=row,
                        circuits=circuits,
                    )
                )
            y += 1.0
    return Lanes(lanes, headings, max(y, 1.0))
