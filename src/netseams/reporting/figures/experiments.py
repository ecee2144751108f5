"""Figures of experiments, drawn from the tables of their findings."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from netseams.experiments import Findings, SeedSummary, Table
from netseams.reporting.figures.style import GREY, INK, PALETTE, RULE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_retention(found: Findings) -> "Figure":
    """What damage leaves of a module: a panel a damage, a line an arm and half, 95 % bars."""
    table = _table(found, "Share of specificity that is left")
    at = [c for c, column in enumerate(table.columns) if column.name.endswith(" nats")]
    nats = [float(table.columns[c].name.split()[0]) for c in at]
    damages = list(dict.fromkeys(str(row[0]) for row in table.rows))
    lines = list(dict.fromkeys((str(row[1]), str(row[2])) for row in table.rows))
    figure = new_figure(9.6, 3.4)
    width = 0.88 / len(damages)
    for place, damage in enumerate(damages):
        axes = figure.add_axes((0.07 + width * place, 0.16, width - 0.025, 0.56))
        for number, (arm, half) in enumerate(lines):
            (row,) = [r for r in table.rows if (r[0], r[1], r[2]) == (damage, arm, half)]
            _line(axes, nats, [row[c] for c in at], number, f"{arm.replace('_', ' ')}, {half}")
        axes.set(xscale="log", ylim=(-0.03, 1.06), title=damage)
        axes.set_xticks(nats, [f"{n:g}" for n in nats])
        axes.minorticks_off()
        axes.set_xlabel("damage, nats")
        axes.grid(color=RULE, linewidth=0.5)
        if place:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("specificity left")
            axes.legend(
                loc="lower left", bbox_to_anchor=(0, 1.16), ncols=3, fontsize=8, borderpad=0
            )
    return figure


def _line(
    axes: "Axes", nats: list[float], cells: list[str | float | SeedSummary | None], number: int,
    label: str,
) -> None:  # fmt: skip
    style = PALETTE[number % len(PALETTE)]
    points = [(x * 1.03 ** (number - 2), c) for x, c in zip(nats, cells, strict=True)
              if isinstance(c, SeedSummary)]  # fmt: skip
    dashed = "-" if label.endswith("sparse") else "--"
    axes.plot(
        [x for x, _ in points], [c.value for _, c in points], style.marker + dashed,
        color=style.colour, ms=4, lw=1.2, label=label,
    )  # fmt: skip
    for x, cell in points:
        if cell.low is not None and cell.high is not None:
            axes.plot([x, x], [cell.low, cell.high], color=style.colour, lw=0.9, alpha=0.7)


def draw_gains(found: Findings) -> "Figure":
    """Every arm against the first: mean place on the ladder, the difference and its interval."""
    table = _table(found, "The word of every circuit")
    names = [column.name for column in table.columns]
    gain = next(c for c, name in enumerate(names) if name.startswith("minus "))
    rows = [row for row in table.rows if isinstance(row[gain], SeedSummary)]
    height = 1.1 + 0.34 * len(rows)
    figure = new_figure(7.2, height)
    axes = figure.add_axes((0.2, 0.6 / height, 0.76, 0.34 * len(rows) / height))
    for y, row in enumerate(reversed(rows)):
        cell = row[gain]
        assert isinstance(cell, SeedSummary)
        if cell.low is not None and cell.high is not None:
            axes.plot([cell.low, cell.high], [y, y], color=PALETTE[0].colour, lw=2)
        axes.plot(cell.value, y, "D", color=PALETTE[0].colour, ms=6)
    axes.axvline(0, color=GREY, lw=1, ls="--")
    axes.set_yticks(range(len(rows)), [str(row[0]).replace("_", " ") for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.5)
    axes.set_xlabel(f"rungs of the ladder, {names[gain]}")
    figure.text(0.02, 1 - 0.28 / height, found.question, fontsize=9.5, color=INK)
    return figure


def _table(found: Findings, title: str) -> Table:
    return next(table for table in found.tables if table.title == title)


FIGURES: dict[str, Callable[[Findings], "Figure"]] = {
    "probe": draw_retention,
    "pressures": draw_gains,
}
"""Experiment -> its figure."""
