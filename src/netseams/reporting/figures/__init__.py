"""The figures of the report, one file each."""

from dataclasses import dataclass

from netseams.comparison.result import Comparison, Drawing
from netseams.interventions import ABLATIONS, AblationKind
from netseams.reporting.figures.curves import draw_curves
from netseams.reporting.figures.drawing import draw_circuit, shown_of
from netseams.reporting.figures.frontier import draw_frontier
from netseams.reporting.figures.headline import draw_headline
from netseams.reporting.figures.matrices import draw_matrices
from netseams.reporting.figures.style import (
    PALETTE,
    ArmStyle,
    ReportFigure,
    arm_styles,
    render,
    render_png,
)
from netseams.reporting.view import CorpusView, arm_names, slug

__all__ = [
    "N_STYLES",
    "DrawnTask",
    "ReportFigure",
    "ReportFigures",
    "draw_figures",
    "headline_png",
]

N_STYLES = len(PALETTE)


@dataclass(frozen=True)
class DrawnTask:
    """The circuits of one task, an arm each."""

    corpus: str
    task: str
    target: float
    figures: list[ReportFigure]


@dataclass(frozen=True)
class ReportFigures:
    """Every figure of the page, by where it stands."""

    headline: ReportFigure | None
    """None where every corpus has too many arms for it."""
    frontier: ReportFigure | None
    """Of the corpora with more than two arms."""
    curves: dict[str, ReportFigure]
    matrices: dict[str, dict[AblationKind, ReportFigure]]
    """By the slug of the corpus, then by ablation."""
    drawings: list[DrawnTask]

    def all(self) -> list[ReportFigure]:
        """Flat, in the order of the page."""
        first = [figure for figure in (self.headline, self.frontier) if figure is not None]
        matrices = [figure for by_kind in self.matrices.values() for figure in by_kind.values()]
        drawn = [figure for task in self.drawings for figure in task.figures]
        return [*first, *self.curves.values(), *matrices, *drawn]


def draw_figures(comparison: Comparison, views: list[CorpusView]) -> ReportFigures:
    """Draw everything that the comparison holds and a page can show."""
    few = [view for view in views if not view.many]
    several = [view for view in views if len(view.arms) > 2]
    styles = arm_styles(arm_names(comparison))
    return ReportFigures(
        headline=_headline(comparison, few) if few else None,
        frontier=_frontier(comparison, several) if several else None,
        curves=_curves(comparison, few) if few else {},
        matrices={view.slug: _matrices(view, styles) for view in few},
        drawings=_drawings(comparison, styles),
    )


def headline_png(comparison: Comparison, views: list[CorpusView]) -> bytes:
    """The first figure of the page as a picture, for places that show no SVG."""
    few = [view for view in views if not view.many]
    if not few and views:
        return render_png("headline", lambda: draw_frontier(comparison, views))
    return render_png("headline", lambda: draw_headline(comparison, few))


def _headline(comparison: Comparison, views: list[CorpusView]) -> ReportFigure:
    arms = list(dict.fromkeys(placed.row.name for view in views for placed in view.arms))
    return render(
        "headline",
        f"Size of circuits at equal task loss, {_listed(arms)}",
        "Dot plot with a line for every task and arm. Columns: edges of the circuit, in how many "
        "seeds the untrained and the redrawn control reached the same loss, nodes, share of the "
        "network's edges, and loss of the circuit alone beside random masks of equal size. "
        "The same numbers stand in the table of all arms.",
        lambda: draw_headline(comparison, views),
    )


def _frontier(comparison: Comparison, views: list[CorpusView]) -> ReportFigure:
    return render(
        "frontier",
        "Loss of the network against size of its circuits, a point for every arm",
        "Scatter plots: edges on the left, nodes on the right, test loss upwards; small points are "
        "single seeds. The same numbers stand in the table of the arms.",
        lambda: draw_frontier(comparison, views),
    )


def _curves(comparison: Comparison, views: list[CorpusView]) -> dict[str, ReportFigure]:
    return {
        size: render(
            f"curves-{size}",
            f"Task loss against {size} kept, one panel per task",
            "Line plots on logarithmic axes: every search of the trained networks and of their "
            "controls, with the target losses and the floor as horizontal lines. The points stand "
            "in comparison.json under searches.",
            lambda size=size: draw_curves(comparison, views, size),
        )
        for size in ("nodes", "edges")
    }


def _matrices(view: CorpusView, styles: dict[str, ArmStyle]) -> dict[AblationKind, ReportFigure]:
    matrices = [placed.row for placed in view.matrices]
    figures: dict[AblationKind, ReportFigure] = {}
    for kind in ABLATIONS:
        measured = any(
            value is not None
            for matrix in matrices
            if matrix.ablation == kind
            for row in matrix.drop
            for value in row
        )
        if measured:
            figures[kind] = render(
                f"specificity-{view.slug}-{kind}",
                f"Specificity matrices of {view.facts.name} under {kind} ablation",
                "Heat maps, arms side by side. Rows: the circuit that is removed; columns: "
                "the task that is then asked; cells: its relative drop, 1 down to the floor. "
                "The cells stand in comparison.json under matrices.",
                lambda kind=kind: draw_matrices(matrices, kind, styles),
            )
    return figures


def _drawings(comparison: Comparison, styles: dict[str, ArmStyle]) -> list[DrawnTask]:
    tasks: dict[tuple[str, str, float], list[tuple[int, Drawing]]] = {}
    for i, drawing in enumerate(comparison.drawings):
        key = (drawing.corpus, drawing.task, drawing.target)
        tasks.setdefault(key, []).append((i, drawing))
    order = list(styles)
    return [
        DrawnTask(
            *key,
            [
                _drawing(i, drawing, styles[drawing.arm].colour)
                for i, drawing in sorted(drawings, key=lambda pair: order.index(pair[1].arm))
            ],
        )
        for key, drawings in tasks.items()
    ]


def _drawing(i: int, drawing: Drawing, colour: str) -> ReportFigure:
    return render(
        f"circuit-{i}-{slug(drawing.task)}-{slug(drawing.arm)}",
        f"Circuit of {drawing.task} in the {drawing.arm} network of seed {drawing.seed}",
        f"Graph with sites from bottom to top in forward order; {shown_of(drawing)}; edges are "
        "the largest magnitudes, green above zero and purple below.",
        lambda: draw_circuit(drawing, colour),
    )


def _listed(names: list[str]) -> str:
    *first, last = names or ["no arm"]
    return f"{', '.join(first)} and {last}".replace("_", "-") if first else last
