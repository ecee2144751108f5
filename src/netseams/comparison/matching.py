"""Sizes at equal loss, and the split of the edge ratio into density and selection."""

from collections.abc import Callable, Iterable

from netseams.comparison.config import Setting
from netseams.comparison.evidence import Evidence, estimate
from netseams.comparison.result import CircuitRow, Estimate, SizeRatio
from netseams.evaluation import geometric_mean

Ratio = Callable[[CircuitRow, CircuitRow], float]


def size_ratios(setting: Setting, evidence: Evidence, seeds: Iterable[int]) -> list[SizeRatio]:
    """Dense over weight-sparse at every target, over tasks that both arms learned and reached.

    edges(dense) / edges(sparse) = [network edges ratio] * [edge share ratio], exactly: the
    first factor is density, the second selection.
    """
    return [_at(setting, evidence, list(seeds), target) for target in setting.targets]


def _at(setting: Setting, evidence: Evidence, seeds: list[int], target: float) -> SizeRatio:
    corpus = setting.corpus.kind
    names = [t.name for t in evidence.tasks if t.corpus == corpus and t.missing is None]
    usable: list[str] = []
    left_out: list[str] = []
    for name in names:
        why = _obstacle(corpus, name, target, evidence, seeds)
        if why is None:
            usable.append(name)
        else:
            left_out.append(f"{name}: {why}")

    def over(ratio: Ratio, label: str) -> Estimate | None:
        if not usable:
            return None
        values = {
            seed: [
                geometric_mean(
                    [ratio(*_pair(corpus, seed, name, target, evidence)) for name in usable]
                )
            ]
            for seed in seeds
        }
        return estimate(values, f"ratio {corpus} {target} {label}", log=True)

    return SizeRatio(
        corpus=corpus,
        target=target,
        tasks=usable,
        seeds=seeds if usable else [],
        nodes=over(lambda d, s: _size(d.nodes) / _size(s.nodes), "nodes"),
        edges=over(lambda d, s: _size(d.edges) / _size(s.edges), "edges"),
        density=over(lambda d, s: _network(d) / _network(s), "density"),
        selection=over(lambda d, s: _share(d) / _share(s), "selection"),
        note="left out: " + "; ".join(left_out) if left_out else "",
    )


def _obstacle(
    corpus: str, name: str, target: float, evidence: Evidence, seeds: list[int]
) -> str | None:
    for arm in ("dense", "weight_sparse"):
        unlearned = [s for s in seeds if not evidence.score(corpus, arm, s, name).learned]
        if unlearned:
            return f"{arm} did not learn it (seeds {unlearned})"
        missed = [
            s
            for s in seeds
            if not evidence.circuit(corpus, arm, s, "trained", name, target).reached
        ]
        if missed:
            return f"{arm} did not reach {target:g} nats (seeds {missed})"
    return None


def _pair(
    corpus: str, seed: int, name: str, target: float, evidence: Evidence
) -> tuple[CircuitRow, CircuitRow]:
    return (
        evidence.circuit(corpus, "dense", seed, "trained", name, target),
        evidence.circuit(corpus, "weight_sparse", seed, "trained", name, target),
    )


def _size(count: int | None) -> float:
    """Counts are at least one, so that an empty circuit has a finite ratio."""
    return float(max(1, count or 0))


def _share(row: CircuitRow) -> float:
    return _size(row.edges) / _network(row)


def _network(row: CircuitRow) -> float:
    """Edges of the whole network."""
    return float(max(1, row.network_edges))
