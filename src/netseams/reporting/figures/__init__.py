"""The figures of the report, one file each."""

from dataclasses import dataclass

from netseams.comparison.result import Comparison, Drawing
from netseams.interventions import ABLATIONS, AblationKind
from netseams.reporting.figures.curves import draw_curves
from netseams.reporting.figures.drawing import draw_circuit, shown_of
from netseams.reporting.figures.headline import draw_headline
from netseams.reporting.figures.matrices import draw_matrices
from netseams.reporting.figures.style import ReportFigure, render, render_png
from netseams.reporting.view import CorpusView, slug

__all__ = ["DrawnTask", "ReportFigure", "ReportFigures", "draw_figures", "headline_png"]


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

    headline: ReportFigure
    curves: dict[str, ReportFigure]
    matrices: dict[str, dict[AblationKind, ReportFigure]]
    """By the slug of the corpus, then by ablation."""
    drawings: list[DrawnTask]

    def all(self) -> list[ReportFigure]:
        """Flat, in the order of the page."""
        matrices = [figure for by_kind in self.matrices.values() for figure in by_kind.values()]
        drawn = [figure for task in self.drawings for figure in task.figures]
        return [self.headline, *self.curves.values(), *matrices, *drawn]


def draw_figures(comparison: Comparison, views: list[CorpusView]) -> ReportFigures:
    """Draw everything that the comparison holds."""
    headline = render(
        "headline",
        "Size of circuits at equal task loss, dense and weight-sparse",
        "Dot plot with a line for every task and arm. Columns: edges of the circuit, in how many "
        "seeds the untrained and the redrawn control reached the same loss, nodes, share of the "
        "network's edges, and loss of the circuit alone beside random masks of equal size. "
        "The same numbers stand in the table of both routes.",
        lambda: draw_headline(comparison, views),
    )
    curves = {
        size: render(
            f"curves-{size}",
            f"Task loss against {size} kept, one panel per task",
            "Line plots on logarithmic axes: every search of the dense and the weight-sparse "
            "networks and of their untrained and redrawn controls, with the target losses and "
            "the floor as horizontal lines. The points stand in comparison.json under searches.",
            lambda size=size: draw_curves(comparison, views, size),
        )
        for size in ("nodes", "edges")
    }
    return ReportFigures(
        headline=headline,
        curves=curves,
        matrices={view.slug: _matrices(view) for view in views},
        drawings=_drawings(comparison),
    )


def headline_png(comparison: Comparison, views: list[CorpusView]) -> bytes:
    """The headline figure as a picture, for places that show no SVG."""
    return render_png("headline", lambda: draw_headline(comparison, views))


def _matrices(view: CorpusView) -> dict[AblationKind, ReportFigure]:
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
                "Heat maps, both arms side by side. Rows: the circuit that is removed; columns: "
                "the task that is then asked; cells: its relative drop, 1 down to the floor. "
                "The cells stand in comparison.json under matrices.",
                lambda kind=kind: draw_matrices(matrices, kind),
            )
    return figures


def _drawings(comparison: Comparison) -> list[DrawnTask]:
    tasks: dict[tuple[str, str, float], list[tuple[int, Drawing]]] = {}
    for i, drawing in enumerate(comparison.drawings):
        key = (drawing.corpus, drawing.task, drawing.target)
        tasks.setdefault(key, []).append((i, drawing))
    return [
        DrawnTask(*key, [_drawing(i, d) for i, d in sorted(drawings, key=lambda p: p[1].arm)])
        for key, drawings in tasks.items()
    ]


def _drawing(i: int, drawing: Drawing) -> ReportFigure:
    return render(
        f"circuit-{i}-{slug(drawing.task)}-{drawing.arm}",
        f"Circuit of {drawing.task} in the {drawing.arm} network of seed {drawing.seed}",
        f"Graph with sites from bottom to top in forward order; {shown_of(drawing)}; edges are "
        "the largest magnitudes, green above zero and purple below.",
        lambda: draw_circuit(drawing),
    )
