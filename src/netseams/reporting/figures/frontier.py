"""The frontier: what a network can do against how large its circuits are, a point an arm.

Down and to the left is better. Sizes are geometric means over tasks that the arms share; an arm
that lacks one of these tasks has no point and is named below.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from netseams.comparison.result import ArmRow, Comparison
from netseams.reporting.figures.style import (
    GREY,
    INK,
    RULE,
    ArmStyle,
    arm_styles,
    log_axis,
    new_figure,
)
from netseams.reporting.format import shortened
from netseams.reporting.view import CorpusView, arm_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Size = Literal["edges", "nodes"]
SIZES: tuple[Size, ...] = ("edges", "nodes")
_SMALLEST_LOSS = 1e-6
_ROW, _BELOW = 3.75, 0.2
"""Height of a panel with its labels, and of the line that names arms without a point; inches."""


def draw_frontier(comparison: Comparison, views: list[CorpusView]) -> "Figure":
    """A row for every corpus: edges on the left, nodes on the right; loss upwards."""
    styles = arm_styles(arm_names(comparison))
    inches = (_ROW + _BELOW) * max(1, len(views))
    figure = new_figure(11.2, inches)
    for i, view in enumerate(views):
        rows = [placed.row for placed in view.arms]
        top = inches - i * (_ROW + _BELOW)
        for j, size in enumerate(SIZES):
            left = 0.065 + 0.49 * j
            box = (left, (top - _ROW + 0.65) / inches, 0.43, (_ROW - 1.1) / inches)
            axes = figure.add_axes(box)
            _panel(axes, rows, size, styles)
            axes.set_title(f"{shortened(view.facts.name, 30)}: {size}", loc="left", color=INK)
        without = [row.name for row in rows if row.edges is None]
        if without:
            text = f"no circuits of all these tasks in every seed: {', '.join(without)}"
            y = (top - _ROW + 0.08) / inches
            figure.text(0.065, y, shortened(text, 130), fontsize=8, color=GREY)
    return figure


def _panel(axes: "Axes", rows: list[ArmRow], size: Size, styles: dict[str, ArmStyle]) -> None:
    axes.set_xlabel(f"{size} of the circuit, geometric mean over tasks")
    axes.set_ylabel("test loss of the network, nats")
    clouds = [cloud for row in rows if (cloud := _cloud(row, size, styles)) is not None]
    if not clouds:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no circuit", transform=axes.transAxes, ha="center", color=GREY)
        return
    points = [point for cloud in clouds for point in (cloud.mean, *cloud.seeds)]
    log_axis(axes, "x", [x for x, _ in points], 1.5)
    _up(axes, [y for _, y in points])
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    for cloud in clouds:
        _draw(axes, cloud)
    _labels(axes, clouds)


@dataclass(frozen=True)
class _Cloud:
    """One arm: its mean, and every seed."""

    name: str
    style: ArmStyle
    mean: tuple[float, float]
    seeds: list[tuple[float, float]]


def _cloud(row: ArmRow, size: Size, styles: dict[str, ArmStyle]) -> _Cloud | None:
    estimate = row.edges if size == "edges" else row.nodes
    if estimate is None:
        return None
    seeds = [
        (float(x), max(point.test_loss, _SMALLEST_LOSS))
        for point in row.points
        if (x := point.edges if size == "edges" else point.nodes) is not None
    ]
    mean = (estimate.value, max(row.test_loss.value, _SMALLEST_LOSS))
    return _Cloud(row.name, styles[row.name], mean, seeds or [mean])


def _up(axes: "Axes", losses: list[float]) -> None:
    """Logarithmic where losses lie far apart, else plain."""
    low, high = min(losses), max(losses)
    if high > 8 * low:
        return log_axis(axes, "y", losses)
    room = 0.12 * max(high - low, 0.05 * high)
    axes.set_ylim(low - room, high + room)
    return None


def _draw(axes: "Axes", cloud: _Cloud) -> None:
    """The mean large, every seed small, joined to the mean by a thin line."""
    (x, y), style = cloud.mean, cloud.style
    for seed_x, seed_y in cloud.seeds:
        axes.plot([x, seed_x], [y, seed_y], color=style.colour, lw=0.7, alpha=0.5)
        axes.plot(seed_x, seed_y, style.marker, color=style.colour, markersize=3, alpha=0.5)
    axes.plot(
        x, y, style.marker, color=style.colour, markersize=8, markeredgecolor="white",
        markeredgewidth=0.8, zorder=4,
    )  # fmt: skip


def _labels(axes: "Axes", clouds: list[_Cloud]) -> None:
    """A name beside every point; where points lie close, names move apart and a line leads back."""
    figure, box = axes.get_figure(root=True), axes.get_position()
    assert figure is not None
    width, height = (72 * inches for inches in figure.get_size_inches() * (box.width, box.height))
    to_unit = axes.transData + axes.transAxes.inverted()
    units = [(float(x), float(y)) for x, y in to_unit.transform([c.mean for c in clouds])]
    seeds = to_unit.transform([seed for cloud in clouds for seed in cloud.seeds])
    taken = [(x * width - 3, x * width + 3, y * height) for x, y in seeds.tolist()]
    for cloud, (ux, uy) in sorted(zip(clouds, units, strict=True), key=lambda pair: -pair[1][1]):
        name = shortened(cloud.name, 24)
        wide = 5.4 * len(name)
        right = ux * width + 9 + wide <= width
        start = ux * width + 9 if right else ux * width - 9 - wide
        y = _free(uy * height, start, start + wide, taken, height)
        taken.append((start, start + wide, y))
        moved = abs(y - uy * height) > 6
        line = {"arrowstyle": "-", "color": cloud.style.colour, "lw": 0.5, "shrinkB": 4}
        axes.annotate(
            name,
            xy=(ux, uy),
            xycoords="axes fraction",
            xytext=((start if right else start + wide) / width, y / height),
            textcoords="axes fraction",
            ha="left" if right else "right",
            va="center",
            fontsize=8,
            color=cloud.style.colour,
            arrowprops=line if moved else None,
        )


def _free(
    y: float, start: float, end: float, taken: list[tuple[float, float, float]], height: float
) -> float:
    """The nearest height, in points, at which a label from `start` to `end` covers no other."""
    for step in range(80):
        for sign in (1, -1):
            place = y + sign * step * 3.0
            inside = 5 <= place <= height - 5
            if inside and all(end < a or start > b or abs(place - o) >= 12 for a, b, o in taken):
                return place
    return y
