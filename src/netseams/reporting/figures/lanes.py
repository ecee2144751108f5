"""The lines of the headline figure: one an arm of a task, grouped by corpus."""

from dataclasses import dataclass

from netseams.comparison.result import CircuitRow, Comparison, RouteRow, TaskFacts
from netseams.reporting.view import CorpusView

LANE = 0.42
"""Distance between the lanes of two arms of a task."""
_GAP = 0.16
"""Between tasks."""
_HEADING = 0.85


@dataclass(frozen=True)
class Lane:
    """One arm of one task."""

    y: float
    span: tuple[float, float]
    """Where its task begins and ends."""
    facts: TaskFacts
    target: float
    route: RouteRow
    circuits: list[CircuitRow]
    """Its circuits at the primary target, in every seed and kind of network; none calibrated."""


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
            end = y + LANE * len(task.routes) + _GAP
            for i, placed in enumerate(task.routes):
                row = placed.row
                circuits = [
                    c
                    for c in comparison.circuits
                    if (c.corpus, c.task, c.arm) == (row.corpus, row.task, row.arm)
                    and c.target == view.facts.primary_target
                    and not c.calibrated
                ]
                lanes.append(
                    Lane(
                        y=y + _GAP / 2 + LANE * (i + 0.5),
                        span=(y, end),
                        facts=task.facts,
                        target=view.facts.primary_target,
                        route=row,
                        circuits=circuits,
                    )
                )
            y = end
    return Lanes(lanes, headings, max(y, 1.0))
