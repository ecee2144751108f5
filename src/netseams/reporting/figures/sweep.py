"""The frontier of a sweep: a network's loss against the size of its circuits, a line a curve.

Down and to the left is better.
"""

from typing import TYPE_CHECKING

from netseams.reporting.figures.style import PALETTE, RULE, log_axis, new_figure
from netseams.sweeps.frontier import Curve, Frontier, Group, Range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

_LEAST_LOSS = 1e-7
"""Losses below are drawn here: a logarithm has no zero."""


def draw_frontier(found: Frontier) -> "Figure":
    """Two panels: edges and nodes."""
    figure = new_figure(9.6, 4.6)
    for place, size in enumerate(("edges", "nodes")):
        axes = figure.add_axes((0.08 + 0.47 * place, 0.13, 0.42, 0.68))
        _panel(axes, found, size, named=place == 0)
    seeds = max((group.seeds for group in found.groups), default=0)
    bars = "least and greatest" if found.exploratory else "95 %"
    figure.text(
        0.07, 0.93,
        f"Circuits at {found.target:g} nats, {seeds} training seeds (bars: {bars}). "
        "Down and left is better.", fontsize=9.5,
    )  # fmt: skip
    return figure


def _panel(axes: "Axes", found: Frontier, size: str, *, named: bool) -> None:
    groups = {group.label: group for group in found.groups if getattr(group, size) is not None}
    curves = [(c, [groups[n] for n in c.labels if n in groups]) for c in found.curves]
    for number, (curve, members) in enumerate(curves):
        _curve(axes, members, size, number, curve)
    sizes = [r for g in groups.values() for r in _ends(getattr(g, size))]
    losses = [r for g in groups.values() for r in _ends(g.loss)]
    if sizes:
        log_axis(axes, "x", sizes)
        log_axis(axes, "y", losses)
    taken: list[Bbox] = []
    for number, (curve, members) in enumerate(curves):
        _names(axes, members, size, number, curve, taken)
    axes.set_xlabel(f"{size} of circuits, geometric mean over tasks")
    if named:
        axes.set_ylabel("test loss of the network, nats a token")
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    if named:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, fontsize=8, borderpad=0)


def _curve(axes: "Axes", groups: "list[Group]", size: str, number: int, curve: Curve) -> None:
    style = PALETTE[number % len(PALETTE)]
    x = [getattr(g, size).value for g in groups]
    y = [max(_LEAST_LOSS, g.loss.value) for g in groups]
    axes.plot(x, y, style.marker + "-", color=style.colour, label=curve.name, ms=5, lw=1.2)
    for group, a, b in zip(groups, x, y, strict=True):
        across, along = getattr(group, size), group.loss
        axes.plot([across.low, across.high], [b, b], color=style.colour, lw=0.8, alpha=0.6)
        axes.plot([a, a], [max(_LEAST_LOSS, e) for e in (along.low, along.high)],
                  color=style.colour, lw=0.8, alpha=0.6)  # fmt: skip


def _names(
    axes: "Axes", groups: "list[Group]", size: str, number: int, curve: Curve, taken: "list[Bbox]"
) -> None:
    """Density or width beside every point, at the first corner where no other name stands."""
    density = curve.name.startswith("density")
    # A network may lie on two curves: density is named below it first, width above.
    up = (-10, 4) if density else (4, -10)
    corners = [(side, height) for side in ("left", "right") for height in up]
    for group in groups:
        text = f"{group.density:.2g}" if density else f"{group.d_model}"
        at = (getattr(group, size).value, max(_LEAST_LOSS, group.loss.value))
        for side, height in corners:
            name = axes.annotate(
                text, at, xytext=(5 if side == "left" else -5, height),
                textcoords="offset points", ha=side, fontsize=7.5,
                color=PALETTE[number % len(PALETTE)].colour,
            )  # fmt: skip
            box = name.get_window_extent()
            if (side, height) == corners[-1] or not any(box.overlaps(b) for b in taken):
                taken.append(box)
                break
            name.remove()


def _ends(value: Range) -> list[float]:
    return [max(_LEAST_LOSS, value.low), max(_LEAST_LOSS, value.high)]
