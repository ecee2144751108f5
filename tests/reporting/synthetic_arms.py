"""Synthetic rows of arms: invented, for the report's tests only."""

import math
import random
from collections.abc import Callable

from netseams.comparison.result import ArmRow, Estimate, FieldChange, SeedPoint
from netseams.interventions import ABLATIONS

KINDS = ("dense", "weight_sparse", "pruned", "random_support")


def arm_row(
    corpus: str,
    arm: str,
    reference: str,
    tasks: list[str],
    size: tuple[int, int],
    estimate: Callable[..., Estimate],
    draws: random.Random,
) -> ArmRow:
    """An arm whose mean lies among its seeds; random_support learned nothing."""

    def about(value: float, spread: float) -> float:
        return value * math.exp(draws.gauss(0, spread))

    first, sized = arm == reference, arm != "random_support"
    n_seeds = estimate(1.0).n_seeds
    loss = 2.2 if first else about(2.6, 0.05)
    seeds = [(about(loss, 0.01), *(about(n, 0.15) for n in size)) for _ in range(n_seeds)]
    loss, nodes, edges = (
        math.exp(sum(map(math.log, values)) / n_seeds) for values in zip(*seeds, strict=True)
    )
    change = FieldChange(field="train.sparsity", reference="dense", arm=f"{arm} (density 0.05)")
    accuracies = {kind: estimate(0.95, at_most=1.0) for kind in ABLATIONS}
    return ArmRow(
        corpus=corpus,
        name=arm,
        kind=arm if arm in KINDS else "weight_sparse",
        reference=first,
        changes=[] if first else [change],
        words="the reference" if first else "differs from dense in one field: it is odd",
        test_loss=estimate(loss, 0),
        task_loss=estimate(0.1),
        task_accuracy=estimate(0.95, at_most=1.0),
        l0=estimate(667_000 if first else 33_350, 0),
        density=estimate(1.0 if first else 0.05, 0),
        n_tasks=len(tasks),
        n_learned=len(tasks) if sized else 0,
        n_reached=len(tasks) if sized else 0,
        tasks=tasks if sized else [],
        nodes=estimate(nodes, 0) if sized else None,
        edges=estimate(edges, 0) if sized else None,
        edge_share=estimate(edges / (393_216 if first else 19_660)) if sized else None,
        alone=accuracies if sized else None,
        necessity={kind: estimate(0.98) for kind in ABLATIONS} if sized else None,
        points=[
            SeedPoint(
                seed=i,
                test_loss=y,
                task_loss=0.1,
                nodes=n if sized else None,
                edges=e if sized else None,
            )
            for i, (y, n, e) in enumerate(seeds)
        ],
        note="" if sized else f"{tasks[0]}: random_support did not learn it (seeds [0])",
    )
