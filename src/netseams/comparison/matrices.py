"""Function-by-circuit matrices: remove the circuit of the row, score the task of the column."""

import math

from netseams.comparison.config import CompareConfig
from netseams.comparison.evidence import Evidence, estimate
from netseams.comparison.result import SpecificityMatrix
from netseams.evaluation import necessity
from netseams.interventions import ABLATIONS, AblationKind

_PARTS = ("whole", "exclusive")


def specificity_matrices(config: CompareConfig, evidence: Evidence) -> list[SpecificityMatrix]:
    """Every corpus that it is asked of, arm, part and ablation."""
    return [
        _matrix(setting.corpus.kind, arm, ablation, part, evidence, list(config.seeds))
        for setting in config.settings
        if setting.specificity
        for arm in setting.arm_names
        for part in _PARTS
        for ablation in ABLATIONS
    ]


def _matrix(
    corpus: str, arm: str, ablation: AblationKind, part: str, evidence: Evidence, seeds: list[int]
) -> SpecificityMatrix:
    names = evidence.names(corpus)
    cells: dict[tuple[str, str], dict[int, list[float]]] = {}
    sizes: dict[str, list[float]] = {name: [] for name in names}
    for seed in seeds:
        for row in evidence.run(corpus, arm, seed).rows:
            if (row.question, row.part, row.ablation) != ("remove", part, ablation):
                continue
            whole = evidence.score(corpus, arm, seed, row.task).accuracy
            floor = evidence.facts(corpus, row.task).floor_accuracy
            drop = necessity(whole, row.accuracy or 0.0, floor)
            if drop is not None:
                cells.setdefault((row.circuit_task, row.task), {}).setdefault(seed, []).append(drop)
            if row.task == row.circuit_task:
                sizes[row.task].append(float(row.n_nodes))
    label = f"matrix {corpus} {arm} {ablation} {part}"
    return SpecificityMatrix(
        corpus=corpus,
        arm=arm,
        ablation=ablation,
        part="whole" if part == "whole" else "exclusive",
        tasks=names,
        drop=[[_mean(cells.get((row, column), {})) for column in names] for row in names],
        size=[math.fsum(sizes[n]) / len(sizes[n]) if sizes[n] else None for n in names],
        diagonal=estimate(_pooled(cells, seeds, True), f"{label} diagonal"),
        off_diagonal=estimate(_pooled(cells, seeds, False), f"{label} off"),
    )


def _pooled(
    cells: dict[tuple[str, str], dict[int, list[float]]], seeds: list[int], diagonal: bool
) -> dict[int, list[float]]:
    """Per seed, one number: the mean over the cells on (or off) the diagonal."""
    pooled: dict[int, list[float]] = {}
    for seed in seeds:
        values = [
            value
            for (row, column), by_seed in cells.items()
            if (row == column) == diagonal
            for value in by_seed.get(seed, [])
        ]
        pooled[seed] = [math.fsum(values) / len(values)] if values else []
    return pooled


def _mean(by_seed: dict[int, list[float]]) -> float | None:
    means = [math.fsum(values) / len(values) for values in by_seed.values()]
    return math.fsum(means) / len(means) if means else None
