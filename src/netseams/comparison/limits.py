"""What a comparison cannot say, made from what happened in it."""

from netseams.comparison.answer import dashed
from netseams.comparison.config import CompareConfig
from netseams.comparison.evidence import Evidence
from netseams.comparison.result import RouteRow
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL


def limits(config: CompareConfig, evidence: Evidence, routes: list[RouteRow]) -> list[str]:
    """One sentence each."""
    found: list[str] = []
    n = len(config.seeds)
    if n < MIN_SEEDS_FOR_INTERVAL:
        found.append(
            f"Exploratory: {n} training seed{'s' * (n > 1)}. Seeds are the unit of evidence, and "
            f"fewer than {MIN_SEEDS_FOR_INTERVAL} give no interval and no verdict."
        )
    found += [f"{t.corpus}: {t.missing}" for t in evidence.tasks if t.missing]
    found += _unsearched(config)
    unlearned = [
        f"{row.task} ({dashed(row.arm)}, {row.n_seeds - row.n_learned} of {row.n_seeds})"
        for row in routes
        if row.n_learned < row.n_seeds
    ]
    if unlearned:
        found.append(
            f"Networks that did not learn the task stay in the table: {', '.join(unlearned)}."
        )
    missed = [
        f"{row.task} ({dashed(row.arm)}, {row.n_seeds - row.n_reached} of {row.n_seeds})"
        for row in routes
        if row.n_reached < row.n_seeds
    ]
    if missed:
        found.append(f"Searches that never reached the primary target: {', '.join(missed)}.")
    drifted = [r for r in routes if r.better_than_network and r.better_than_network.value > 0.02]
    if drifted:
        names = ", ".join(f"{r.task} ({dashed(r.arm)})" for r in drifted)
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


def _unsearched(config: CompareConfig) -> list[str]:
    left_out = {"untrained", "redrawn"} - {c for s in config.settings for c in s.controls}
    if not left_out:
        return []
    return [
        f"No {' and no '.join(sorted(left_out))} control networks were searched in this run: that "
        "circuits beat them is not shown here."
    ]
