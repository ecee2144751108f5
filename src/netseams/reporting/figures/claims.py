"""One claim: a dot a seed, the interval, the reference, and what is too small to count."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netseams.claims import ConditionVerdict, Evidence, Prediction
from netseams.reporting.figures.style import GREY, INK, PALETTE, RULE, new_figure
from netseams.reporting.format import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _ROW, _AROUND = 7.2, 0.75, 1.25
"""Of the figure, of a condition, and of title and axis; inches."""
_BAND = "#e8ebef"


def draw_claim(evidence: Evidence) -> "Figure":
    """A row for every condition; one axis, in the metric's unit."""
    prediction, conditions = evidence.claim.prediction, evidence.verdict.conditions
    height = _AROUND + _ROW * len(conditions)
    figure = new_figure(_WIDTH, height)
    axes = figure.add_axes((0.2, 0.62 / height, 0.76, _ROW * len(conditions) / height))
    _reference(axes, prediction)
    for row, condition in enumerate(reversed(conditions)):
        _condition(axes, row, condition)
    axes.set_ylim(-0.5, len(conditions) - 0.5)
    axes.set_yticks(range(len(conditions)), [_label(c) for c in reversed(conditions)])
    axes.tick_params(axis="y", length=0)
    _limits(axes, prediction, conditions)
    axes.set_xlabel(prediction.unit)
    title = f"{evidence.claim.id}: {evidence.verdict.word.replace('_', ' ')}"
    figure.text(0.02, 1 - 0.28 / height, shortened(title, 80), fontsize=10.5, color=INK)
    return figure


def _reference(axes: "Axes", prediction: Prediction) -> None:
    reference, least = prediction.reference, prediction.smallest_effect
    if prediction.rule == "effect":
        axes.axvspan(reference - least, reference + least, color=_BAND, lw=0, zorder=0)
        text = "smallest effect of interest"
    else:
        text = "least share"
    axes.axvline(reference, color=GREY, lw=1, ls="--", zorder=1)
    axes.annotate(
        text, (reference, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
        textcoords="offset points", ha="center", fontsize=7.5, color=GREY,
    )  # fmt: skip


def _condition(axes: "Axes", row: int, condition: ConditionVerdict) -> None:
    means = [sum(v) / len(v) for v in condition.values.values() if v]
    if not means:
        axes.text(
            0.5, row, "no value", color=GREY, ha="center", va="center",
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        return
    # Seeds one above the other, so that equal values stay apart.
    step = 0.34 / max(1, len(means) - 1)
    heights = [row + 0.05 + step * i for i in range(len(means))]
    axes.plot(means, heights, "o", color=PALETTE[0].control, markersize=4, alpha=0.9, zorder=2)
    summary = condition.summary
    if summary is None:
        return
    if summary.low is not None and summary.high is not None:
        ends = [summary.low, summary.high]
        axes.plot(ends, [row - 0.15] * 2, color=PALETTE[0].colour, lw=2, zorder=3)
    tested = condition.word != "not_tested"
    axes.plot(
        summary.value, row - 0.15, "D", markersize=7, zorder=4, color=PALETTE[0].colour,
        markerfacecolor=PALETTE[0].colour if tested else "white",
    )  # fmt: skip


def _label(condition: ConditionVerdict) -> str:
    return f"{shortened(condition.condition, 20)}\n{condition.word.replace('_', ' ')}"


def _limits(axes: "Axes", prediction: Prediction, conditions: Sequence[ConditionVerdict]) -> None:
    shown = [prediction.reference + sign * prediction.smallest_effect for sign in (-1, 1)]
    shown += [v for c in conditions for values in c.values.values() for v in values]
    for c in conditions:
        if c.summary is not None:
            shown += [end for end in (c.summary.low, c.summary.high) if end is not None]
    if prediction.rule == "at_least":
        shown += [0.0, 1.0]
    room = 0.06 * max(max(shown) - min(shown), 1e-6)
    axes.set_xlim(min(shown) - room, max(shown) + room)
    axes.grid(axis="x", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
