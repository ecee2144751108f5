"""The answer in a few sentences, made from the numbers and nothing else."""

from collections.abc import Callable, Iterable

from netseams.comparison.config import CompareConfig, Setting
from netseams.comparison.result import (
    MANY_ARMS,
    Estimate,
    RouteRow,
    SizeRatio,
    SpecificityMatrix,
)

_CONTROLS = {"untrained": "untrained networks", "redrawn": "redrawn weights"}


def answer(
    config: CompareConfig,
    ratios: list[SizeRatio],
    routes: list[RouteRow],
    matrices: list[SpecificityMatrix],
) -> list[str]:
    """Size; whether circuits beat their controls; whether removal is specific."""
    return [*_sizes(config, ratios), _controls(config, routes), _specific(config, matrices)]


def _sizes(config: CompareConfig, ratios: list[SizeRatio]) -> list[str]:
    """One sentence for two arms; with more, one for every corpus."""
    two: list[str] = []
    more: list[str] = []
    for setting in config.settings:
        corpus, target = setting.corpus.kind, setting.primary_target
        ours = [r for r in ratios if r.corpus == corpus and r.target == target and not r.calibrated]
        if len(setting.arms) == 2:
            two.append(_of_two(corpus, ours[0]))
        elif len(setting.arms) <= MANY_ARMS:
            more.append(_of_some(setting, ours))
        else:
            more.append(_of_many(setting, ours))
    return [*(["At equal task loss, " + "; ".join(two) + "."] if two else []), *more]


def _of_two(corpus: str, r: SizeRatio) -> str:
    if not (r.edges and r.nodes and r.density and r.selection):
        return f"on {corpus} no task was learned and reached by both arms"
    return (
        f"on {corpus} ({_tasks(r)}, {r.target:g} nats) circuits of the {dashed(r.numerator)} "
        f"network have {_times(r.edges)} the edges and {_times(r.nodes)} the nodes of those of the "
        f"{dashed(r.denominator)} one, where its density alone would give "
        f"{r.density.value:.3g}x the edges and selection therefore contributes "
        f"{_times(r.selection)}"
    )


def _of_some(setting: Setting, ratios: list[SizeRatio]) -> str:
    """Every pair: first the reference over the others, then the others over the second one."""
    target = f"{setting.primary_target:g} nats"
    parts: list[str] = []
    said = ""
    for r in ratios:
        who = f"circuits of the {dashed(r.numerator)} network have, "
        who = "" if r.numerator == said else who
        if r.edges and r.nodes and r.density and r.selection:
            said = r.numerator
            parts.append(
                f"{who}against the {dashed(r.denominator)} one ({_tasks(r)}), {_times(r.edges)} "
                f"the edges ({r.density.value:.3g}x density, {_times(r.selection)} selection) and "
                f"{_times(r.nodes)} the nodes"
            )
    missing = [
        f"{dashed(r.numerator)} and {dashed(r.denominator)}" for r in ratios if r.edges is None
    ]
    if missing:
        parts.append(f"no task was learned and reached by both {' nor by '.join(missing)}")
    return f"At equal task loss on {setting.corpus.kind} ({target}), " + "; ".join(parts) + "."


def _of_many(setting: Setting, ratios: list[SizeRatio]) -> str:
    reference = setting.arm_names[0]
    sized = [
        (r, r.edges, r.nodes)
        for r in ratios
        if r.numerator == reference and r.edges is not None and r.nodes is not None
    ]
    start = f"At equal task loss on {setting.corpus.kind} ({setting.primary_target:g} nats), "
    if not sized:
        return f"{start}no task was learned and reached by {dashed(reference)} and any other arm."
    sentence = (
        f"{start}circuits of the {dashed(reference)} network have "
        f"{_range([(r, e) for r, e, _ in sized])} the edges and "
        f"{_range([(r, n) for r, _, n in sized])} the nodes of those of the other arms"
    )
    lost = [r.denominator for r in ratios if r.numerator == reference and r.edges is None]
    if lost:
        sentence += f"; without a common task: {_joined(map(dashed, lost))}"
    return sentence + "."


def _range(found: list[tuple[SizeRatio, Estimate]]) -> str:
    """`0.5x (against a) to 7x (against b)`."""
    ordered = sorted(found, key=lambda pair: pair[1].value)
    ends = [f"{_times(e)} (against {dashed(r.denominator)})" for r, e in ordered]
    return ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"


def _controls(config: CompareConfig, routes: list[RouteRow]) -> str:
    if not any(row.beats for row in routes):
        return (
            "No circuit reached the primary target, so there is nothing to hold against controls."
        )
    searched = sorted({c for s in config.settings for c in s.controls}, reverse=True)
    bar = "random masks of equal size"
    if searched:
        names = " and ".join(_CONTROLS[control] for control in searched)
        both = "both " if len(searched) == 2 else ""
        bar = f"{names}, {both}searched at the same budget, and {bar}"
    arms = list(dict.fromkeys(row.arm for row in routes))
    many = len(arms) > MANY_ARMS
    alone = _counted(arms, routes, lambda row: _beats(row, (*searched, "random")))
    missed = _counted(arms, routes, lambda row: _beats(row, ("random_removed",)))
    if many:
        n_alone = sum(len(hits) for _, hits, _ in alone)
        n_missed = sum(len(hits) for _, hits, _ in missed)
        return (
            f"Alone, {n_alone} of the {len(routes)} circuits asked for (a task in an arm) beat "
            f"{bar}; removed, {n_missed} are missed more than as many random nodes."
        )
    fits = _joined(f"the {a} circuits of {len(h)} of {len(of)} tasks" for a, h, of in alone)
    breaks = _joined(f"{len(h)} {a}{_named(h, of)}" for a, h, of in missed)
    return f"Alone, {fits} beat {bar}; removed, {breaks} are missed more than as many random nodes."


def _counted(
    arms: list[str], routes: list[RouteRow], holds: Callable[[RouteRow], bool]
) -> list[tuple[str, list[RouteRow], list[RouteRow]]]:
    """For every arm: its name, its rows for which `holds`, all its rows."""
    found: list[tuple[str, list[RouteRow], list[RouteRow]]] = []
    for arm in arms:
        judged = [row for row in routes if row.arm == arm]
        found.append((dashed(arm), [row for row in judged if holds(row)], judged))
    return found


def _beats(row: RouteRow, controls: tuple[str, ...]) -> bool:
    """Whether there is a circuit and it beats every one of these controls."""
    judged = [b.beats for b in row.beats if b.control in controls]
    return bool(judged) and all(judged)


def _named(rows: list[RouteRow], among: list[RouteRow]) -> str:
    some = 0 < len(rows) < len(among)
    return f" ({', '.join(row.task for row in rows)})" if some else ""


def _specific(config: CompareConfig, matrices: list[SpecificityMatrix]) -> str:
    parts: list[str] = []
    for setting in config.settings:
        ours = [
            m
            for m in matrices
            if m.corpus == setting.corpus.kind and m.ablation == "mean"
            and m.diagonal is not None and m.off_diagonal is not None
        ]  # fmt: skip
        if len(setting.arms) > MANY_ARMS:
            parts += _specific_range(setting, [m for m in ours if m.part == "whole"])
        else:
            parts += _specific_each(ours)
    if not any(setting.specificity for setting in config.settings):
        return "Whether removing a circuit spares the other tasks was not asked here."
    if not parts:
        return "No circuit reached the primary target, so specificity was not tested."
    return (
        "Removing a circuit costs its own task / the other tasks, of what lies above the floor: "
        + "; ".join(parts)
        + "."
    )


def _specific_each(matrices: list[SpecificityMatrix]) -> list[str]:
    parts: list[str] = []
    for m in matrices:
        assert m.diagonal is not None
        assert m.off_diagonal is not None
        costs = f"{_percent(m.diagonal)} / {_percent(m.off_diagonal)}"
        if m.part == "whole":
            parts.append(f"{m.corpus}, {dashed(m.arm)}: {costs}")
        else:
            sizes = [size for size in m.size if size is not None]
            parts[-1] += f", exclusive part ({min(sizes):.0f} to {max(sizes):.0f} nodes) {costs}"
    return parts


def _specific_range(setting: Setting, matrices: list[SpecificityMatrix]) -> list[str]:
    if not matrices:
        return []
    ends = [
        f"{100 * min(values):.0f} to {100 * max(values):.0f} %"
        for values in (
            [m.diagonal.value for m in matrices if m.diagonal],
            [m.off_diagonal.value for m in matrices if m.off_diagonal],
        )
    ]
    return [f"{setting.corpus.kind}, over {len(matrices)} arms: {ends[0]} / {ends[1]}"]


def dashed(arm: str) -> str:
    """weight_sparse as weight-sparse."""
    return arm.replace("_", "-")


def _joined(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _tasks(ratio: SizeRatio) -> str:
    """Names while they are few; a ratio over some of the tasks says which."""
    few = len(ratio.tasks) <= 2 or ratio.note
    return ", ".join(ratio.tasks) if few else f"{len(ratio.tasks)} tasks"


def _interval(e: Estimate, form: str) -> str:
    return "" if e.low is None or e.high is None else f" [{e.low:{form}}, {e.high:{form}}]"


def _times(e: Estimate) -> str:
    return f"{e.value:.3g}x{_interval(e, '.3g')}"


def _percent(e: Estimate) -> str:
    return f"{100 * e.value:.0f} %" + (
        "" if e.low is None or e.high is None else f" [{100 * e.low:.0f}, {100 * e.high:.0f}]"
    )
