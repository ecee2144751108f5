"""The answer in three sentences and the limits, made from the numbers and nothing else."""

from netseams.comparison.config import CompareConfig
from netseams.comparison.evidence import Evidence
from netseams.comparison.result import Estimate, RouteRow, SizeRatio, SpecificityMatrix
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL

_ALONE = ("untrained", "redrawn", "random")


def answer(
    config: CompareConfig,
    ratios: list[SizeRatio],
    routes: list[RouteRow],
    matrices: list[SpecificityMatrix],
) -> list[str]:
    """Size; whether circuits beat their controls; whether removal is specific."""
    return [_size(config, ratios), _controls(routes), _specific(matrices)]


def limits(config: CompareConfig, evidence: Evidence, routes: list[RouteRow]) -> list[str]:
    """What this run cannot say."""
    found: list[str] = []
    n = len(config.seeds)
    if n < MIN_SEEDS_FOR_INTERVAL:
        found.append(
            f"Exploratory: {n} training seed{'s' * (n > 1)}. Seeds are the unit of evidence, and "
            f"fewer than {MIN_SEEDS_FOR_INTERVAL} give no interval and no verdict."
        )
    found += [f"{t.corpus}: {t.missing}" for t in evidence.tasks if t.missing]
    unlearned = [
        f"{row.task} ({_arm(row.arm)}, {row.n_seeds - row.n_learned} of {row.n_seeds})"
        for row in routes
        if row.n_learned < row.n_seeds
    ]
    if unlearned:
        found.append(
            f"Networks that did not learn the task stay in the table: {', '.join(unlearned)}."
        )
    missed = [
        f"{row.task} ({_arm(row.arm)}, {row.n_seeds - row.n_reached} of {row.n_seeds})"
        for row in routes
        if row.n_reached < row.n_seeds
    ]
    if missed:
        found.append(f"Searches that never reached the primary target: {', '.join(missed)}.")
    drifted = [r for r in routes if r.better_than_network and r.better_than_network.value > 0.02]
    if drifted:
        names = ", ".join(f"{r.task} ({_arm(r.arm)})" for r in drifted)
        found.append(
            "Drift: these circuits do their task better than the whole network they were cut "
            f"from, so the masks fit the task and do not only explain the network: {names}."
        )
    found += [
        "Masks are trained and judged on the same kind of inputs; other distributions, "
        "adversarial ablation and redundancy are not tested here.",
        "Networks are small (see the table of networks); nothing here speaks of large ones.",
    ]
    return found


def _size(config: CompareConfig, ratios: list[SizeRatio]) -> str:
    parts: list[str] = []
    for setting in config.settings:
        corpus, target = setting.corpus.kind, setting.primary_target
        ratio = next(r for r in ratios if (r.corpus, r.target) == (corpus, target))
        if not (ratio.edges and ratio.nodes and ratio.density and ratio.selection):
            parts.append(f"on {corpus} no task was learned and reached by both arms")
            continue
        parts.append(
            f"on {corpus} ({_tasks(ratio)}, {target:g} nats) circuits of the "
            f"dense network have {_times(ratio.edges)} the edges and {_times(ratio.nodes)} the "
            f"nodes of those of the weight-sparse one, where its density alone would give "
            f"{ratio.density.value:.3g}x the edges and selection therefore contributes "
            f"{_times(ratio.selection)}"
        )
    return "At equal task loss, " + "; ".join(parts) + "."


def _controls(routes: list[RouteRow]) -> str:
    if not any(row.beats for row in routes):
        return (
            "No circuit reached the primary target, so there is nothing to hold against controls."
        )
    alone: list[str] = []
    missed: list[str] = []
    for arm in ("dense", "weight_sparse"):
        judged = [row for row in routes if row.arm == arm]
        fits = [r for r in judged if _beats(r, _ALONE)]
        breaks = [r for r in judged if _beats(r, ("random_removed",))]
        alone.append(f"the {_arm(arm)} circuits of {len(fits)} of {len(judged)} tasks")
        missed.append(f"{len(breaks)} {_arm(arm)}{_named(breaks, judged)}")
    return (
        f"Alone, {' and '.join(alone)} beat untrained networks and redrawn weights, both searched "
        f"at the same budget, and random masks of equal size; removed, {' and '.join(missed)} are "
        "missed more than as many random nodes."
    )


def _beats(row: RouteRow, controls: tuple[str, ...]) -> bool:
    """Whether there is a circuit and it beats every one of these controls."""
    judged = [b.beats for b in row.beats if b.control in controls]
    return bool(judged) and all(judged)


def _named(rows: list[RouteRow], among: list[RouteRow]) -> str:
    some = 0 < len(rows) < len(among)
    return f" ({', '.join(row.task for row in rows)})" if some else ""


def _specific(matrices: list[SpecificityMatrix]) -> str:
    parts: list[str] = []
    for m in matrices:
        if m.ablation != "mean" or m.diagonal is None or m.off_diagonal is None:
            continue
        costs = f"{_percent(m.diagonal)} / {_percent(m.off_diagonal)}"
        if m.part == "whole":
            parts.append(f"{m.corpus}, {_arm(m.arm)}: {costs}")
        else:
            sizes = [size for size in m.size if size is not None]
            parts[-1] += f", exclusive part ({min(sizes):.0f} to {max(sizes):.0f} nodes) {costs}"
    if not parts:
        return "No circuit reached the primary target, so specificity was not tested."
    return (
        "Removing a circuit costs its own task / the other tasks, of what lies above the floor: "
        + "; ".join(parts)
        + "."
    )


def _arm(arm: str) -> str:
    return arm.replace("_", "-")


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
