"""The headline: how large circuits are at equal loss, in every arm, with what puts it in place.

Edges alone would mislead, since a network with a twentieth of the weights has a twentieth of
the edges before anything is selected: nodes and the share of edges stand beside them, and so
do the controls.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from netseams.comparison.result import CircuitRow, Comparison, Estimate, RouteRow
from netseams.reporting.figures.lanes import LANE, Lane, Lanes, lanes_of
from netseams.reporting.figures.style import (
    CONTROL_MARKERS,
    GREY,
    INK,
    PALETTE,
    RULE,
    ArmStyle,
    arm_styles,
    log_axis,
    new_figure,
    quiet_axes,
)
from netseams.reporting.format import Real, number, shortened
from netseams.reporting.view import CorpusView, arm_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALLEST_LOSS = 1e-4
"""Smaller losses are drawn here: the axis is logarithmic."""
Styles = dict[str, ArmStyle]


def draw_headline(comparison: Comparison, views: list[CorpusView]) -> "Figure":
    """Five columns over the same lanes: edges, numbers in words, nodes, edge share, loss."""
    placed = lanes_of(comparison, views)
    styles = arm_styles(arm_names(comparison))
    named = any(len(view.arms) > 2 for view in views)
    inches = 0.42 * placed.height + 1.35
    figure = new_figure(11.2, inches)
    # Names of arms take from the left what the words beside them need.
    widths = [2.3, 2.9, 1.8, 2.2, 1.9] if named else [2.5, 2.3, 1.9, 1.9, 1.9]
    columns = figure.subplots(1, 5, sharey=True, width_ratios=widths, squeeze=False)[0]
    figure.subplots_adjust(
        left=0.24 if named else 0.142,
        right=0.988,
        top=1 - 0.42 / inches,
        bottom=0.86 / inches,
        wspace=0.09,
    )
    edges, words, nodes, share, loss = columns
    for axes in columns:
        _prepare(axes, placed)
    _sizes(edges, placed.lanes, styles, "edges", lambda r: r.edges, lambda c: c.edges)
    _sizes(nodes, placed.lanes, styles, "nodes", lambda r: r.nodes, lambda c: c.nodes)
    _sizes(
        share,
        placed.lanes,
        styles,
        "of its network's edges",
        lambda r: r.edge_share,
        lambda c: c.edge_share,
        scale=100.0,
    )
    _losses(loss, placed.lanes, styles)
    _words(words, placed.lanes, styles)
    _names(figure, edges, placed)
    if named:
        _arm_names(edges, placed.lanes, styles)
    shown = {lane.route.arm: styles[lane.route.arm] for lane in placed.lanes}
    _legend(figure, inches, shown, with_intervals=not comparison.exploratory)
    return figure


def _prepare(axes: "Axes", placed: Lanes) -> None:
    axes.set_ylim(placed.height + 0.1, 0)
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines["left"].set_visible(False)
    axes.set_axisbelow(True)
    for start, end in sorted({lane.span for lane in placed.lanes})[::2]:
        axes.axhspan(start, end, color="#f4f6f8", zorder=0, linewidth=0)


def _sizes(
    axes: "Axes",
    lanes: list[Lane],
    styles: Styles,
    label: str,
    of_route: Callable[[RouteRow], Estimate | None],
    of_circuit: Callable[[CircuitRow], Real | None],
    scale: float = 1.0,
) -> None:
    """Circuits by size: the mean over seeds large, every seed small, controls hollow."""
    shown: list[float] = []
    for lane in lanes:
        for circuit in lane.circuits:
            size = of_circuit(circuit)
            if not circuit.reached or not size:
                continue
            x = float(size * scale)
            shown.append(x)
            if circuit.network == "trained":
                _dot(axes, x, lane, styles, small=True)
            else:
                _hollow(axes, x, lane, styles, CONTROL_MARKERS[circuit.network])
        random = lane.route.random_edges
        if label == "edges" and random is not None and random.value > 0:
            shown.append(random.value)
            _cross(axes, random.value, lane, styles)
        estimate = of_route(lane.route)
        if estimate is not None and estimate.value > 0:
            shown.append(estimate.value * scale)
            _interval(axes, estimate, lane, styles, scale)
            _dot(axes, estimate.value * scale, lane, styles)
    _log_x(axes, shown, label, "%" if scale == 100 else "")


def _losses(axes: "Axes", lanes: list[Lane], styles: Styles) -> None:
    """Loss of the circuit alone and of random masks of its size, with target and floor."""
    shown: list[float] = []
    for lane in lanes:
        span = [lane.y - LANE / 2, lane.y + LANE / 2]
        axes.plot([lane.target] * 2, span, color=INK, lw=1)
        axes.plot([lane.facts.floor_loss] * 2, span, color=GREY, lw=1.2, ls=":")
        shown += [lane.target, lane.facts.floor_loss]
        if lane.route.random_loss is not None:
            value = max(lane.route.random_loss.value, _SMALLEST_LOSS)
            _cross(axes, value, lane, styles)
            shown.append(value)
        alone = (lane.route.sufficiency_loss or {}).get("mean")
        if alone is not None:
            value = max(alone.value, _SMALLEST_LOSS)
            _interval(axes, alone, lane, styles)
            _dot(axes, value, lane, styles)
            shown.append(value)
    _log_x(axes, shown, "loss, circuit alone")


def _log_x(axes: "Axes", shown: list[float], label: str, unit: str = "") -> None:
    axes.set_title(label, loc="left", color=INK)
    if not shown:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "no circuit", transform=axes.transAxes, ha="center", color=GREY)
        return
    log_axis(axes, "x", shown, unit=unit)
    axes.grid(axis="x", color=RULE, linewidth=0.6)


def _dot(axes: "Axes", x: float, lane: Lane, styles: Styles, small: bool = False) -> None:
    style = styles[lane.route.arm]
    axes.plot(
        x,
        lane.y,
        style.marker,
        color=style.colour,
        markersize=3.2 if small else 7.5,
        alpha=0.4 if small else 1.0,
        markeredgecolor="none" if small else "white",
        markeredgewidth=0.8,
        zorder=4 if small else 5,
    )


def _hollow(axes: "Axes", x: float, lane: Lane, styles: Styles, marker: str) -> None:
    edge = styles[lane.route.arm].control
    axes.plot(
        x, lane.y, marker, markersize=5, markerfacecolor="white", markeredgecolor=edge, zorder=3
    )


def _cross(axes: "Axes", x: float, lane: Lane, styles: Styles) -> None:
    colour = styles[lane.route.arm].control
    axes.plot(x, lane.y, "x", color=colour, markersize=6, zorder=3)


def _interval(
    axes: "Axes", estimate: Estimate, lane: Lane, styles: Styles, scale: float = 1.0
) -> None:
    if estimate.low is not None and estimate.high is not None and estimate.low > 0:
        ends = [estimate.low * scale, estimate.high * scale]
        axes.plot(ends, [lane.y] * 2, color=styles[lane.route.arm].colour, lw=2.2, zorder=4)


def _words(axes: "Axes", lanes: list[Lane], styles: Styles) -> None:
    """The number of edges, and in how many seeds each control reached the same loss."""
    quiet_axes(axes)
    axes.set_xlim(0, 1)
    places = {"untrained": 0.71, "redrawn": 0.98}
    for name, x in {"mean": 0.41, **places}.items():
        axes.text(x, -0.12, name, ha="right", va="bottom", fontsize=7.5, color=GREY)
    for lane in lanes:
        text, size = "not reached", 7.0
        if lane.route.edges is not None:
            text, size = number(lane.route.edges.value, "count"), 8.5
        elif lane.route.n_learned == 0:
            text = "did not learn"
        colour = styles[lane.route.arm].colour
        axes.text(
            0.41, lane.y, text, ha="right", va="center", color=colour, fontsize=size, weight="bold"
        )
        for control, x in places.items():
            rows = [c for c in lane.circuits if c.network == control]
            text = f"{sum(c.reached for c in rows)}/{len(rows)}" if rows else "–"
            axes.text(x, lane.y, text, ha="right", va="center", fontsize=8, color=GREY)


def _names(figure: "Figure", axes: "Axes", placed: Lanes) -> None:
    from matplotlib.transforms import blended_transform_factory

    beside = blended_transform_factory(figure.transFigure, axes.transData)
    for y, view in placed.headings:
        text = f"{shortened(view.facts.name, 40)}, loss ≤ {view.facts.primary_target:g} nats"
        axes.text(0.005, y, text, transform=beside, va="center", weight="bold")
    for (start, end), name in {lane.span: lane.facts.name for lane in placed.lanes}.items():
        y = (start + end) / 2
        axes.text(0.012, y, shortened(name, 20), transform=beside, va="center")


def _arm_names(axes: "Axes", lanes: list[Lane], styles: Styles) -> None:
    """Beside its lane: three colours and more are too many to remember."""
    beside = axes.get_yaxis_transform()
    for lane in lanes:
        name, colour = lane.route.arm, styles[lane.route.arm].colour
        axes.text(
            -0.04, lane.y, shortened(name, 15), transform=beside,
            ha="right", va="center", fontsize=7.5, color=colour,
        )  # fmt: skip


def _legend(figure: "Figure", inches: float, arms: Styles, with_intervals: bool) -> None:
    from matplotlib.lines import Line2D

    def marker(shape: str, colour: str, size: float, face: str | None = None) -> Line2D:
        return Line2D(
            [], [], marker=shape, lw=0, color=colour, markersize=size, markerfacecolor=face
        )

    entries = {
        **{arm: marker(style.marker, style.colour, 7.5) for arm, style in arms.items()},
        "one seed": marker("o", GREY, 3.2),
        "untrained network, where reached": marker(
            CONTROL_MARKERS["untrained"], GREY, 5.0, "white"
        ),
        "redrawn weights, where reached": marker(CONTROL_MARKERS["redrawn"], GREY, 5.0, "white"),
        "random mask of equal size": marker("x", GREY, 6.0),
        "target loss": Line2D([], [], color=INK, lw=1),
        "floor: what guessing gives": Line2D([], [], color=GREY, lw=1.2, ls=":"),
    }
    if with_intervals:
        entries["95 % interval over seeds"] = Line2D([], [], color=PALETTE[0].colour, lw=2.2)
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="lower center",
        bbox_to_anchor=(0.5, 0.06 / inches),
        ncols=5 if with_intervals else 4,
        fontsize=8,
        columnspacing=1.4,
        handletextpad=0.5,
    )
