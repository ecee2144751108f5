"""Capability against circuit size: groups of a plan's points, and the curves they lie on."""

from collections.abc import Sequence
from typing import Literal

from netseams.core import Config, SettingError
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL, SeedSummary, summarize_seeds
from netseams.evaluation.statistics import geometric_mean
from netseams.store import Provenance
from netseams.sweeps.plan import Plan, Point
from netseams.sweeps.store import PointResult, SweepStore
from netseams.training import WeightSparse

LEAST_POINTS = 3
"""Groups that make a curve."""


class Range(Config):
    """A number over training seeds."""

    value: float
    low: float
    high: float
    """95 %, or least and greatest where seeds are too few for an interval."""
    n: int


class Group(Config):
    """Points that differ in their seed alone."""

    label: str
    route: Literal["dense", "weight_sparse"]
    d_model: int
    density: float
    """Of the block matrices."""
    l0_edges: float
    """Non-zero weights of the block matrices, mean over seeds."""
    loss: Range
    """Of the network, on test rows, in nats a token."""
    edges: Range | None
    """Of its circuits: geometric mean over tasks. None: no seed reached all of them."""
    nodes: Range | None
    reached: int
    """Seeds in which every task was learned and reached; only these have sizes."""
    seeds: int
    untrained_reached: int
    """Searches of untrained twins that reached the target."""
    untrained: int


class Curve(Config):
    """Groups in one direction."""

    name: str
    labels: tuple[str, ...]
    """Of its groups, in order."""


class Frontier(Config):
    """`frontier.json`."""

    format: Literal["netseams.frontier"] = "netseams.frontier"
    version: Literal[1] = 1
    plan: str
    target: float
    """Task loss at which circuits are taken, in nats."""
    tasks: tuple[str, ...]
    groups: tuple[Group, ...]
    curves: tuple[Curve, ...]
    missing: tuple[str, ...] = ()
    """Points that are not done."""
    provenance: Provenance | None = None

    @property
    def exploratory(self) -> bool:
        """Too few training seeds for an interval."""
        return min((group.seeds for group in self.groups), default=0) < MIN_SEEDS_FOR_INTERVAL


def frontier(
    plan: Plan, store: SweepStore, target: float | None = None, made: Provenance | None = None
) -> Frontier:
    """What a plan's finished points say.

    Args:
        target: one of the plan's, in nats; None: the one in the middle.

    Raises:
        SettingError: nothing is searched or finished, or no such target.
    """
    searched = [p for p in plan.points if p.searches is not None]
    done = [p for p in searched if store.state(p) == "done"]
    if not done:
        raise SettingError(f"no searched point of plan {plan.name} is done: run netseams sweep")
    targets = sorted({t for p in searched if p.searches for t in p.searches.targets})
    wanted = targets[len(targets) // 2] if target is None else target
    if wanted not in targets:
        raise SettingError(f"no circuit was asked for at {wanted:g} nats, but at {targets}")
    together: dict[str, list[Point]] = {}
    for point in done:
        together.setdefault(_label(point), []).append(point)
    groups = [_group(label, some, store, wanted) for label, some in together.items()]
    assert searched[0].searches is not None
    return Frontier(
        plan=plan.name, target=wanted, tasks=searched[0].searches.tasks, groups=tuple(groups),
        curves=tuple(_curves(groups)),
        missing=tuple(p.name for p in searched if p not in done), provenance=made,
    )  # fmt: skip


def _label(point: Point) -> str:
    width, arm = point.run.model.d_model, point.run.train.sparsity
    kind = f"density {arm.density:.3g}" if isinstance(arm, WeightSparse) else arm.kind
    return f"{kind}, width {width}"


def _group(label: str, points: Sequence[Point], store: SweepStore, target: float) -> Group:
    results = {p.run.seed: store.result(p) for p in points}
    arm, first = points[0].run.train.sparsity, points[0]
    sizes = {seed: _sizes(result, target) for seed, result in results.items()}
    whole = {seed: size for seed, size in sizes.items() if size is not None}
    untrained = [
        row for r in results.values() for row in r.searches
        if (row.network, row.target) == ("untrained", target)
    ]  # fmt: skip
    return Group(
        label=label,
        route="weight_sparse" if isinstance(arm, WeightSparse) else "dense",
        d_model=first.run.model.d_model,
        density=arm.density if isinstance(arm, WeightSparse) else 1.0,
        l0_edges=sum(r.l0_edges for r in results.values()) / len(results),
        loss=_range({s: r.test_loss for s, r in results.items()}, f"{label} loss"),
        edges=_range({s: e for s, (e, _) in whole.items()}, f"{label} edges") if whole else None,
        nodes=_range({s: n for s, (_, n) in whole.items()}, f"{label} nodes") if whole else None,
        reached=len(whole),
        seeds=len(results),
        untrained_reached=sum(row.nodes is not None for row in untrained),
        untrained=len(untrained),
    )  # fmt: skip


def _sizes(result: PointResult, target: float) -> tuple[float, float] | None:
    """Edges and nodes, geometric means over tasks; None where one was not learned or reached."""
    rows = [r for r in result.searches if (r.network, r.target) == ("trained", target)]
    edges = [r.edges for r in rows if r.learned and r.edges]
    nodes = [r.nodes for r in rows if r.learned and r.nodes]
    if not rows or len(edges) < len(rows) or len(nodes) < len(rows):
        return None
    return geometric_mean(edges), geometric_mean(nodes)


def _range(values: dict[int, float], label: str) -> Range:
    found: SeedSummary = summarize_seeds({s: [v] for s, v in values.items()}, label)
    low = min(values.values()) if found.low is None else found.low
    high = max(values.values()) if found.high is None else found.high
    return Range(value=found.value, low=low, high=high, n=len(values))


def _curves(groups: Sequence[Group]) -> list[Curve]:
    curves: list[Curve] = []
    for width in sorted({g.d_model for g in groups}):
        at = [g for g in groups if g.d_model == width]
        if len(at) >= LEAST_POINTS:
            ordered = sorted(at, key=lambda g: -g.density)
            curves.append(_curve(f"density at width {width}", ordered))
    dense = sorted((g for g in groups if g.route == "dense"), key=lambda g: g.d_model)
    if len(dense) >= LEAST_POINTS:
        curves.append(_curve("width, every weight", dense))
    sparse = [g for g in groups if g.route == "weight_sparse"]
    for base in sorted({round(g.density * g.d_model**2, 3) for g in sparse}):
        same = [g for g in sparse if abs(g.density * g.d_model**2 / base - 1) < 0.02]
        if len({g.d_model for g in same}) >= LEAST_POINTS:
            ordered = sorted(same, key=lambda g: g.d_model)
            curves.append(_curve("width, as many weights", ordered))
            break
    return curves


def _curve(name: str, groups: Sequence[Group]) -> Curve:
    return Curve(name=name, labels=tuple(group.label for group in groups))
