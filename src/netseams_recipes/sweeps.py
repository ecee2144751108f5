"""Named plans of `netseams sweep`."""

from collections.abc import Callable

from netseams.corpora import StringOpsConfig
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.sweeps import Plan, Point, Searches
from netseams.training import Dense, RunConfig, Sparsity, TrainConfig
from netseams_recipes.settings import (
    STRING_OPS_DENSITY,
    STRING_OPS_MODEL,
    STRING_OPS_TRAIN,
    search,
    weight_sparse,
)

_TASKS = ("reverse", "swap_pairs", "add_five")
_TARGETS = (0.05, 0.15, 0.3)


def frontier(seeds: tuple[int, ...] = (0, 1, 2)) -> Plan:
    """String operations: density at fixed width, and width at fixed weights, in both routes.

    At width w the density is that of width 128 times (128 / w) squared, and that of embeddings
    times 128 / w (released script), so that block matrices keep as many weights at every width.
    """
    arms: list[tuple[str, int, Sparsity]] = [("dense", 128, Dense())]
    for density in (0.2, 0.1, STRING_OPS_DENSITY, 0.02):
        arms.append((f"density_{density:g}", 128, weight_sparse(density)))
    for width in (64, 96, 192):
        arms.append((f"dense_{width}", width, Dense()))
        arms.append((f"width_{width}", width, _as_many_weights(width)))
    asked = Searches(tasks=_TASKS, search=search(120, batch_size=32), targets=_TARGETS)
    points = [
        _point(f"{name} seed {seed}", width, arm, seed, STRING_OPS_TRAIN, asked)
        for seed in seeds
        for name, width, arm in arms
    ]
    return Plan(name="frontier", points=tuple(points))


def smoke() -> Plan:
    """Four tiny points, in seconds: does a store work, and a cluster?"""
    train = TrainConfig(steps=20, batch_size=8)
    asked = Searches(
        tasks=("reverse",), search=NodeMaskConfig(steps=4, snapshots=2, bisections=1),
        targets=(9.0,),
    )  # fmt: skip
    points = [
        _point(f"{name} seed {seed}", 16, arm, seed, train, asked)
        for seed in (0, 1)
        for name, arm in (("dense", Dense()), ("density_0.5", weight_sparse(0.5)))
    ]
    return Plan(name="frontier-smoke", points=tuple(points))


def _as_many_weights(width: int) -> Sparsity:
    density = STRING_OPS_DENSITY * (128 / width) ** 2
    return weight_sparse(density).model_copy(update={"embed_density": min(1.0, 0.2 * 128 / width)})


def _point(
    name: str, width: int, arm: Sparsity, seed: int, train: TrainConfig, asked: Searches
) -> Point:
    shape = {"d_model": width, "d_mlp": 4 * width, "n_heads": max(1, width // 16)}
    model = TransformerConfig.model_validate({**STRING_OPS_MODEL.model_dump(), **shape})
    run = RunConfig(
        corpus=StringOpsConfig(length=6), model=model,
        train=train.model_copy(update={"sparsity": arm}), seed=seed,
    )  # fmt: skip
    return Point(name=name, run=run, searches=asked)


PLANS: dict[str, Callable[[], Plan]] = {"frontier": frontier, "frontier-smoke": smoke}
