"""Function-by-circuit matrices: remove the circuit of the row, score the task of the column."""

from netseams.comparison.config import CompareConfig
from netseams.comparison.evidence import Evidence, estimate
from netseams.comparison.result import SpecificityMatrix
from netseams.evaluation import FunctionMatrix, mean, necessity
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
    matrices: dict[int, FunctionMatrix] = {}
    sizes: dict[str, list[float]] = {name: [] for name in names}
    for seed in seeds:
        cells: dict[tuple[str, str], float | None] = {}
        for row in evidence.run(corpus, arm, seed).rows:
            if (row.question, row.part, row.ablation) != ("remove", part, ablation):
                continue
            whole = evidence.score(corpus, arm, seed, row.task).accuracy
            floor = evidence.facts(corpus, row.task).floor_accuracy
            cells[row.circuit_task, row.task] = necessity(whole, row.accuracy or 0.0, floor)
            if row.task == row.circuit_task:
                sizes[row.task].append(float(row.n_nodes))
        matrices[seed] = FunctionMatrix.of(names, names, cells)
    label = f"matrix {corpus} {arm} {ablation} {part}"
    of_cells = {seed: matrix.cells() for seed, matrix in matrices.items()}
    own = {seed: _known(matrix.diagonal_mean) for seed, matrix in matrices.items()}
    other = {seed: _known(matrix.off_diagonal_mean) for seed, matrix in matrices.items()}
    return SpecificityMatrix(
        corpus=corpus,
        arm=arm,
        ablation=ablation,
        part="whole" if part == "whole" else "exclusive",
        tasks=names,
        drop=[
            [mean([c[row, column] for c in of_cells.values() if (row, column) in c])
             for column in names]
            for row in names
        ],
        size=[mean(sizes[name]) for name in names],
        diagonal=estimate(own, f"{label} diagonal"),
        off_diagonal=estimate(other, f"{label} off"),
    )  # fmt: skip


def _known(value: float | None) -> list[float]:
    return [] if value is None else [value]
