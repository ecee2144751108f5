"""Specificity as heat maps: remove the circuit of the row, see what the column's task loses."""

from typing import TYPE_CHECKING

from netseams.comparison.result import SpecificityMatrix
from netseams.interventions import AblationKind
from netseams.reporting.figures.style import ARMS, GREY, INK, new_figure
from netseams.reporting.format import MISSING, number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"whole": "whole circuit removed", "exclusive": "only its exclusive part removed"}
_CELL = 0.52
_LABELS = 1.75
"""Room for the names of the rows, and, less, for those of the columns; in inches."""


def draw_matrices(matrices: list[SpecificityMatrix], ablation: AblationKind) -> "Figure":
    """One corpus under one ablation: parts down, arms across."""
    ours = {(m.part, m.arm): m for m in matrices if m.ablation == ablation}
    parts = [part for part in PARTS if any((part, arm) in ours for arm in ARMS)]
    n = max((len(m.tasks) for m in ours.values()), default=1)
    side = max(_CELL * n, 1.6)
    width, height = 2 * (side + _LABELS + 0.15), len(parts) * (side + 1.5) + 0.1
    figure = new_figure(width, height)
    for i, part in enumerate(parts):
        for j, arm in enumerate(ARMS):
            matrix = ours.get((part, arm))
            if matrix is None:
                continue
            across, down = _CELL * len(matrix.tasks), _CELL * len(matrix.tasks)
            left = j * (side + _LABELS + 0.15) + _LABELS
            top = height - i * (side + 1.5) - 0.42
            axes = figure.add_axes(
                (left / width, (top - down) / height, across / width, down / height)
            )
            _heat_map(axes, matrix)
            axes.text(
                -_LABELS / across + 0.06 / across,
                1 + 0.17 / down,
                f"{arm}: {PARTS[part]}",
                transform=axes.transAxes,
                weight="bold",
                fontsize=9.5,
            )
    return figure


def _heat_map(axes: "Axes", matrix: SpecificityMatrix) -> None:
    n = len(matrix.tasks)
    shown = [[float("nan") if v is None else v for v in row] for row in matrix.drop]
    axes.imshow(shown, cmap="Purples", vmin=0, vmax=1, aspect="auto")
    axes.set_facecolor("#eceff2")
    for i, row in enumerate(matrix.drop):
        for j, value in enumerate(row):
            dark = value is not None and value > 0.6
            axes.text(
                j,
                i,
                number(value, "relative"),
                ha="center",
                va="center",
                fontsize=8,
                weight="bold" if i == j else "normal",
                color="white" if dark else INK,
            )
    names = [shortened(task, 15) for task in matrix.tasks]
    sizes = [number(size, "count") for size in matrix.size]
    rows = [name if s == MISSING else f"{name} ({s})" for name, s in zip(names, sizes, strict=True)]
    axes.set_yticks(range(n), rows, fontsize=8)
    axes.set_xticks(range(n), names, fontsize=8, rotation=35, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for k in range(n + 1):
        axes.axhline(k - 0.5, color="white", lw=1.5)
        axes.axvline(k - 0.5, color="white", lw=1.5)
    for k in range(n):
        axes.add_patch(_frame(k))


def _frame(k: int):  # noqa: ANN202
    from matplotlib.patches import Rectangle

    return Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, edgecolor=GREY, lw=1.0, zorder=3)
