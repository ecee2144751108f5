"""Specificity as heat maps: remove the circuit of the row, see what the column's task loses."""

from typing import TYPE_CHECKING

from netseams.comparison.result import SpecificityMatrix
from netseams.interventions import AblationKind
from netseams.reporting.figures.style import GREY, INK, ArmStyle, new_figure
from netseams.reporting.format import MISSING, number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOTHING = "#eceff2"
PARTS = {"whole": "whole circuit removed", "exclusive": "only its exclusive part removed"}
_LEFT, _ABOVE, _BELOW = 1.75, 0.6, 0.8
"""Room for the names of the rows, the title, the names of the columns; in inches."""


def draw_matrices(
    matrices: list[SpecificityMatrix], ablation: AblationKind, styles: dict[str, ArmStyle]
) -> "Figure":
    """One corpus under one ablation: parts down, arms across, two by two where there are more."""
    ours = {(m.part, m.arm): m for m in matrices if m.ablation == ablation}
    arms = [arm for arm in styles if any((part, arm) in ours for part in PARTS)]
    # Two arms a line: with more the numbers in the cells would be too small to read.
    lines = [
        (part, arms[start : start + 2])
        for part in PARTS
        for start in range(0, len(arms), 2)
        if any((part, arm) in ours for arm in arms)
    ]
    n = max((len(m.tasks) for m in ours.values()), default=1)
    cell = min(0.8, max(0.48, 3.2 / n))
    column, row = _LEFT + max(cell * n, 1.6) + 0.15, _ABOVE + cell * n + _BELOW
    width, height = 2 * column, max(1, len(lines)) * row
    figure = new_figure(width, height)
    for i, (part, across) in enumerate(lines):
        for j, arm in enumerate(across):
            matrix = ours.get((part, arm))
            if matrix is None:
                continue
            side = cell * len(matrix.tasks)
            left, top = j * column + _LEFT, height - i * row - _ABOVE
            axes = figure.add_axes(
                (left / width, (top - side) / height, side / width, side / height)
            )
            _heat_map(axes, matrix)
            x, y = (j * column + 0.1) / width, (top + 0.34) / height
            figure.text(x, y, arm, weight="bold", fontsize=10, color=styles[arm].colour)
            figure.text(x, y - 0.19 / height, PARTS[part], fontsize=9)
    return figure


def _heat_map(axes: "Axes", matrix: SpecificityMatrix) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    n = len(matrix.tasks)
    colours = colormaps["Purples"]
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    for i, row in enumerate(matrix.drop):
        for j, value in enumerate(row):
            colour = _NOTHING if value is None else colours(min(max(value, 0.0), 1.0))
            corner = (j - 0.5, i - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", lw=1.5))
            axes.text(
                j,
                i,
                number(value, "relative"),
                ha="center",
                va="center",
                fontsize=8,
                weight="bold" if i == j else "normal",
                color="white" if value is not None and value > 0.6 else INK,
            )
    names = [shortened(task, 15) for task in matrix.tasks]
    sizes = [number(size, "count") for size in matrix.size]
    rows = [name if s == MISSING else f"{name} ({s})" for name, s in zip(names, sizes, strict=True)]
    axes.set_yticks(range(n), rows, fontsize=8)
    axes.set_xticks(range(n), names, fontsize=8, rotation=35, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for k in range(n):
        corner = (k - 0.5, k - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=GREY, lw=1, zorder=3))
