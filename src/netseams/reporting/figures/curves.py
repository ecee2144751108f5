"""Size against loss: one panel a task, every search a line, controls grey and broken."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from netseams.comparison.result import Comparison, SearchRow
from netseams.reporting.figures.style import (
    CONTROL_LINES,
    GREY,
    INK,
    RULE,
    ArmStyle,
    arm_styles,
    log_axis,
    new_figure,
)
from netseams.reporting.format import shortened
from netseams.reporting.view import CorpusView, TaskView, arm_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Size = Literal["nodes", "edges"]
_SMALLEST = {"loss": 1e-4, "size": 1.0}
"""Drawn here where smaller: both axes are logarithmic."""


def draw_curves(comparison: Comparison, views: list[CorpusView], size: Size) -> "Figure":
    """All searches of all tasks, by the `size` of the masks met on the way."""
    panels = [(view, task) for view in views for task in view.tasks]
    n_columns = 3 if len(panels) in (5, 6, 9) else max(1, min(4, len(panels)))
    n_rows = max(1, -(-len(panels) // n_columns))
    shown = {placed.row.name for view in views for placed in view.arms}
    names = [name for name in arm_names(comparison) if name in shown]
    styles = {name: style for name, style in arm_styles(arm_names(comparison)).items()
              if name in names}  # fmt: skip
    legend_rows = -(-(3 * len(names) + 2) // 4)
    below = 0.74 + 0.18 * legend_rows
    inches = 2.55 * n_rows + below - 0.35
    figure = new_figure(11.2, inches)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    figure.subplots_adjust(
        left=0.055,
        right=0.99,
        top=1 - 0.3 / inches,
        bottom=below / inches,
        wspace=0.2,
        hspace=0.42,
    )
    for axes, panel in zip(grid.flat, panels, strict=False):
        _panel(axes, comparison, *panel, size, styles)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for i, axes in enumerate(grid.flat):
        if i % n_columns == 0:
            axes.set_ylabel("task loss, nats")
        if i + n_columns >= len(panels):
            axes.set_xlabel(f"{size} kept")
    _legend(figure, inches, styles)
    return figure


def _panel(
    axes: "Axes", comparison: Comparison, view: CorpusView, task: TaskView, size: Size,
    styles: dict[str, ArmStyle],
) -> None:  # fmt: skip
    ours = [
        row
        for row in comparison.searches
        if (row.corpus, row.task) == (view.facts.name, task.facts.name)
    ]
    sizes: list[float] = []
    losses = [*view.facts.targets, task.facts.floor_loss]
    # Controls first, so that they lie below.
    for row in sorted(ours, key=lambda row: row.network == "trained"):
        points = sorted(_points(row, size))
        xs, ys = [x for x, _ in points], [y for _, y in points]
        sizes += xs
        losses += ys
        trained = row.network == "trained"
        style = styles[row.arm]
        axes.plot(
            xs,
            ys,
            color=style.colour if trained else style.control,
            lw=1.3 if trained else 0.9,
            alpha=0.75,
            ls="-" if trained else CONTROL_LINES[row.network],
        )
    for target in view.facts.targets:
        primary = target == view.facts.primary_target
        axes.axhline(target, color=INK, lw=1.0 if primary else 0.5, alpha=0.8, zorder=1)
    axes.axhline(task.facts.floor_loss, color=GREY, lw=0.9, ls="-.", zorder=1)
    log_axis(axes, "x", sizes, 1.2)
    log_axis(axes, "y", losses, 1.3)
    axes.tick_params(labelsize=8)
    axes.grid(color=RULE, linewidth=0.5)
    title = f"{shortened(task.facts.name, 20)}  ({shortened(view.facts.name, 14)})"
    axes.set_title(title, loc="left", fontsize=9, color=INK)


def _points(row: SearchRow, size: Size) -> Iterator[tuple[float, float]]:
    counts = row.curve_nodes if size == "nodes" else row.curve_edges
    for x, y in zip(counts, row.curve_loss, strict=True):
        yield max(float(x), _SMALLEST["size"]), max(y, _SMALLEST["loss"])


def _legend(figure: "Figure", inches: float, styles: dict[str, ArmStyle]) -> None:
    from matplotlib.lines import Line2D

    entries = {arm: Line2D([], [], color=s.colour, lw=1.6) for arm, s in styles.items()}
    for network, dashes in CONTROL_LINES.items():
        for arm, style in styles.items():
            line = Line2D([], [], color=style.control, lw=1.1, ls=dashes)
            entries[f"{network}, {arm}"] = line
    entries["target losses (primary bolder)"] = Line2D([], [], color=INK, lw=1)
    entries["floor: what guessing gives"] = Line2D([], [], color=GREY, lw=0.9, ls="-.")
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="lower center",
        bbox_to_anchor=(0.5, 0.05 / inches),
        ncols=4,
        fontsize=8,
        columnspacing=1.8,
        handlelength=2.4,
    )
