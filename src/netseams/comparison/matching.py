"""Sizes at equal loss, and the split of the edge ratio into density and selection."""

from collections.abc import Callable, Iterable

from netseams.comparison.config import Setting
from netseams.comparison.evidence import Evidence, estimate
from netseams.comparison.result import CircuitRow, Estimate, SizeRatio
from netseams.evaluation import geometric_mean

Ratio = Callable[[CircuitRow, CircuitRow], float]


def size_ratios(setting: Setting, evidence: Evidence, seeds: Iterable[int]) -> list[SizeRatio]:
    """Every pair of arms at every target, over tasks that both arms learned and reached.

    edges(a) / edges(b) = [network edges ratio] * [edge share ratio], exactly: the first factor
    is density, the second selection.
    """
    calibrated = (False, True) if evidence.calibrated(setting.corpus.kind) else (False,)
    return [
        _at(setting, evidence, list(seeds), pair, target, logits)
        for pair in setting.pairs
        for logits in calibrated
        for target in setting.targets
    ]


def _at(
    setting: Setting, evidence: Evidence, seeds: list[int], pair: tuple[str, str], target: float,
    calibrated: bool,
) -> SizeRatio:  # fmt: skip
    corpus = setting.corpus.kind
    usable: list[str] = []
    left_out: list[str] = []
    for name in evidence.names(corpus):
        obstacles = (
            evidence.obstacle(corpus, arm, name, target, seeds, calibrated) for arm in pair
        )
        why = next(filter(None, obstacles), None)
        if why is None:
            usable.append(name)
        else:
            left_out.append(f"{name}: {why}")

    def circuit(arm: str, seed: int, name: str) -> CircuitRow:
        return evidence.circuit(corpus, arm, seed, "trained", name, target, calibrated)

    def over(ratio: Ratio, label: str) -> Estimate | None:
        if not usable:
            return None
        values = {
            seed: [
                geometric_mean(
                    [ratio(*(circuit(arm, seed, name) for arm in pair)) for name in usable]
                )
            ]
            for seed in seeds
        }
        # One stream for all pairs: the same draws of seeds, so that intervals are paired.
        return estimate(values, f"ratio {corpus} {target} {label}", log=True)

    return SizeRatio(
        corpus=corpus,
        numerator=pair[0],
        denominator=pair[1],
        target=target,
        calibrated=calibrated,
        tasks=usable,
        seeds=seeds if usable else [],
        nodes=over(lambda a, b: size(a.nodes) / size(b.nodes), "nodes"),
        edges=over(lambda a, b: size(a.edges) / size(b.edges), "edges"),
        density=over(lambda a, b: size(a.network_edges) / size(b.network_edges), "density"),
        selection=over(lambda a, b: _share(a) / _share(b), "selection"),
        note="left out: " + "; ".join(left_out) if left_out else "",
    )


def size(count: int | None) -> float:
    """Counts are at least one, so that an empty circuit has a finite ratio."""
    return float(max(1, count or 0))


def _share(row: CircuitRow) -> float:
    return size(row.edges) / size(row.network_edges)
