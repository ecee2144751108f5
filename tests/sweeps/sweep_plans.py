"""Small plans: thirty runs of a second or less."""

from netseams.corpora import StringOpsConfig
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.sweeps import Plan, Point, Searches
from netseams.training import Dense, RunConfig, TrainConfig, WeightSparse

SHAPE = TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=16, n_ctx=10, d_vocab=19)
SEARCH = NodeMaskConfig(steps=4, batch_size=8, snapshots=2, bisections=1)


def point(seed: int, arm: str = "dense", steps: int = 30, searched: bool = True) -> Point:
    sparsity = Dense() if arm == "dense" else WeightSparse(density=0.5)
    train = TrainConfig(steps=steps, batch_size=8, checkpoint_every=10, sparsity=sparsity)
    run = RunConfig(corpus=StringOpsConfig(length=4), model=SHAPE, train=train, seed=seed)
    asked = Searches(tasks=("reverse",), search=SEARCH, targets=(9.0,)) if searched else None
    return Point(name=f"{arm} {seed}", run=run, searches=asked)


def thirty(steps: int = 30) -> Plan:
    points = [point(seed, arm, steps) for seed in range(15) for arm in ("dense", "weight_sparse")]
    return Plan(name="thirty", points=tuple(points))
