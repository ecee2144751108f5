"""The answer in three sentences and the limits, made from the numbers and nothing else."""

from netseams.comparison.config import CompareConfig
from netseams.comparison.result import Estimate, RouteRow, SizeRatio, SpecificityMatrix
from netseams.comparison.routes import Evidence
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL


def answer(
    config: CompareConfig,
    ratios: list[SizeRatio],
    routes: list[RouteRow],
    matrices: list[SpecificityMatrix],
) -> list[str]:
    """Size; whether circuits beat their controls; whether removal is specific."""
    return [_size(config, ratios), _controls(routes), _specific(routes, matrices)]


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
    for row in routes:
        name = f"{row.corpus} / {row.task} / {_arm(row.arm)}"
        if row.n_learned < row.n_seeds:
            found.append(
                f"{name}: {row.n_seeds - row.n_learned} of {row.n_seeds} networks did not learn "
                "the task; they stay in the table."
            )
        if row.n_reached < row.n_seeds:
            found.append(
                f"{name}: {row.n_seeds - row.n_reached} of {row.n_seeds} searches never reached "
                "the primary target loss."
            )
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
            f"on {corpus} ({_count(len(ratio.tasks), 'task')}) circuits of the dense network have "
            f"{_times(ratio.edges)} as many edges and {_times(ratio.nodes)} as many nodes as those "
            f"of the weight-sparse one; of the edge ratio a factor {_number(ratio.density)} is "
            f"density itself and {_number(ratio.selection)} is selection"
        )
    target = config.settings[0].primary_target
    return f"At an equal task loss of {target:g} nats, " + "; ".join(parts) + "."


def _controls(routes: list[RouteRow]) -> str:
    parts: list[str] = []
    for arm in ("dense", "weight_sparse"):
        judged = [row for row in routes if row.arm == arm and row.beats]
        if not judged:
            parts.append(f"no {_arm(arm)} circuit could be judged")
            continue
        winners = [row for row in judged if all(b.beats for b in row.beats)]
        text = f"{len(winners)} of {len(judged)} {_arm(arm)} circuits beat all three controls"
        losers = [
            f"{row.task} fails against {' and '.join(b.control for b in row.beats if not b.beats)}"
            for row in judged
            if row not in winners
        ]
        parts.append(text + (f" ({'; '.join(losers)})" if losers else ""))
    return (
        "Searched at the same budget, untrained networks, redrawn weights and random masks of "
        f"equal size are the bar: {' and '.join(parts)}."
    )


def _specific(routes: list[RouteRow], matrices: list[SpecificityMatrix]) -> str:
    parts: list[str] = []
    for m in matrices:
        if m.ablation != "mean" or m.diagonal is None or m.off_diagonal is None:
            continue
        if m.part == "whole":
            parts.append(
                f"on {m.corpus}, removing a {_arm(m.arm)} circuit takes {_percent(m.diagonal)} of "
                f"its own task and {_percent(m.off_diagonal)} of the others"
            )
        else:
            parts.append(
                f"its exclusive part {_percent(m.diagonal)} and {_percent(m.off_diagonal)}"
            )
    if not parts:
        return "No circuit reached the primary target, so specificity was not tested."
    return "Specificity (share lost of what lies above the floor): " + "; ".join(parts) + "."


def _arm(arm: str) -> str:
    return arm.replace("_", "-")


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _interval(e: Estimate, form: str) -> str:
    return "" if e.low is None or e.high is None else f" [{e.low:{form}}, {e.high:{form}}]"


def _number(e: Estimate) -> str:
    return f"{e.value:.2g}{_interval(e, '.2g')}"


def _times(e: Estimate) -> str:
    return f"{e.value:.3g}x{_interval(e, '.3g')}"


def _percent(e: Estimate) -> str:
    return f"{100 * e.value:.0f} %" + (
        "" if e.low is None or e.high is None else f" [{100 * e.low:.0f}, {100 * e.high:.0f}]"
    )
