"""One circuit as a graph: what is read at the bottom, what is written at the top."""

from itertools import pairwise
from typing import TYPE_CHECKING

from netseams.comparison.result import Drawing
from netseams.reporting.figures.layout import Layout, place
from netseams.reporting.figures.style import GREY, INK, RULE, new_figure, quiet_axes
from netseams.reporting.format import number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The ends of ColorBrewer's PRGn: told apart under the common colour deficiencies.
SIGN_COLOURS = {"positive": "#1b7837", "negative": "#8e3fa8"}
_WIDTH = 5.6
_LEFT, _RIGHT = 0.95, 0.55
_LEVEL = 0.46


def draw_circuit(drawing: Drawing, colour: str) -> "Figure":
    """Nodes as dots, edges as lines: width by magnitude, colour by sign. `colour` is the arm's."""
    layout = place(drawing)
    n_levels = max(1, len(layout.levels))
    height = _LEVEL * n_levels + 1.0
    figure = new_figure(_WIDTH, height)
    axes = figure.add_axes(
        (
            _LEFT / _WIDTH,
            0.4 / height,
            (_WIDTH - _LEFT - _RIGHT) / _WIDTH,
            (height - 1.0) / height,
        )
    )
    quiet_axes(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.5, n_levels - 0.5)
    _rows(axes, drawing, layout)
    _residual_stream(axes, layout)
    _edges(axes, drawing, layout)
    _nodes(axes, drawing, layout)
    _titles(figure, drawing, height, colour)
    return figure


def _rows(axes: "Axes", drawing: Drawing, layout: Layout) -> None:
    beside = axes.get_yaxis_transform()
    for y, sites in enumerate(layout.levels):
        axes.axhline(y, color=RULE, lw=0.6, zorder=0)
        names = [short_site(drawing.sites[i]) for i in sites]
        stem = names[0].rsplit(".", 1)[0]
        label = names[0]
        if len(names) > 1:
            label = f"{stem}.{'|'.join(name.rsplit('.', 1)[1] for name in names)}"
        counts = "|".join(number(drawing.site_counts[i], "count") for i in sites)
        axes.text(
            -0.025, y, shortened(label, 15), transform=beside, ha="right", va="center", fontsize=8
        )
        axes.text(1.02, y, counts, transform=beside, ha="left", va="center", fontsize=7, color=GREY)


def short_site(site: str) -> str:
    """`blocks.0.attn.hook_q` as `0.attn.q`."""
    return site.removeprefix("blocks.").removesuffix(".hook_normalized").replace("hook_", "")


def _residual_stream(axes: "Axes", layout: Layout) -> None:
    from matplotlib.collections import LineCollection

    lines = [
        [(layout.x[a], layout.level[a]), (layout.x[b], layout.level[b])]
        for nodes in layout.residual.values()
        for a, b in pairwise(nodes)
    ]
    axes.add_collection(
        LineCollection(lines, colors="#c3c9d0", linewidths=0.5, linestyles=":", zorder=1)
    )


def _edges(axes: "Axes", drawing: Drawing, layout: Layout) -> None:
    from matplotlib.collections import LineCollection

    if not drawing.shown_edges:
        return
    largest = max(abs(weight) for _, _, weight in drawing.shown_edges) or 1.0
    weak_first = sorted(drawing.shown_edges, key=lambda edge: abs(edge[2]))
    lines = [
        [(layout.x[a], layout.level[a]), (layout.x[b], layout.level[b])] for a, b, _ in weak_first
    ]
    colours = [SIGN_COLOURS["positive" if w > 0 else "negative"] for _, _, w in weak_first]
    widest = 2.4 if len(lines) < 200 else 1.5
    widths = [0.3 + widest * abs(w) / largest for _, _, w in weak_first]
    axes.add_collection(
        LineCollection(lines, colors=colours, linewidths=widths, alpha=0.6, zorder=2)
    )


def _nodes(axes: "Axes", drawing: Drawing, layout: Layout) -> None:
    xs, ys = layout.x, layout.level
    per_level = max((ys.count(level) for level in set(ys)), default=1)
    points = 72 * (_WIDTH - _LEFT - _RIGHT)
    size = min(5.0, max(1.4, 0.75 * points / per_level))
    axes.plot(xs, ys, "o", color=INK, markersize=size, markeredgewidth=0, zorder=3)


def _titles(figure: "Figure", drawing: Drawing, height: float, colour: str) -> None:
    from matplotlib.lines import Line2D

    name = f"{shortened(drawing.task, 24)}, {drawing.arm}, seed {drawing.seed}"
    figure.text(0.02, 1 - 0.22 / height, name, weight="bold", color=colour, fontsize=10)
    figure.text(0.02, 1 - 0.42 / height, shown_of(drawing), fontsize=8, color=INK)
    figure.text(0.995, 1 - 0.42 / height, "kept", fontsize=7, color=GREY, ha="right")
    handles = [Line2D([], [], color=sign, lw=2) for sign in SIGN_COLOURS.values()]
    handles.append(Line2D([], [], color="#9aa3ad", lw=0.9, ls=":"))
    figure.legend(
        handles,
        ["weight above 0", "below 0", "one residual channel"],
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=3,
        fontsize=8,
    )


def shown_of(drawing: Drawing) -> str:
    """What of the circuit is drawn, said plainly."""
    edges = _part(len(drawing.shown_edges), drawing.edges, "edges")
    nodes = _part(len(drawing.shown_nodes), drawing.nodes, "nodes")
    return f"{edges}, {nodes} shown"


def _part(shown: int, whole: int, noun: str) -> str:
    if shown == whole:
        return f"all {number(whole, 'count')} {noun}"
    return f"{number(shown, 'count')} of {number(whole, 'count')} {noun}"
