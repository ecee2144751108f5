"""Synthetic searches and drawn circuits: invented, for the report's tests only."""

import math
import random

from netseams.comparison.result import Drawing, Network, SearchRow

_WIDTHS = {
    "ln1.hook_normalized": 128,
    "attn.hook_q": 128,
    "attn.hook_k": 128,
    "attn.hook_v": 128,
    "hook_attn_out": 128,
    "ln2.hook_normalized": 128,
    "mlp.hook_post": 512,
    "hook_mlp_out": 128,
}
_JOINS = ((0, 1), (0, 2), (0, 3), (3, 4), (5, 6), (6, 7))
"""Sites of a block that a matrix joins, by their place in `_WIDTHS`."""


def search(
    corpus: str,
    task: str,
    arm: str,
    network: Network,
    seed: int,
    floor: float,
    draws: random.Random,
) -> SearchRow:
    """A curve that falls far below the floor in a trained network and hardly in a control."""
    best = 0.012 if network == "trained" else floor * _about(0.7, draws)
    knee = _about(150 if arm == "weight_sparse" else 330, draws)
    sizes = [int(3000 * 0.72**i) + 3 for i in range(21)]
    curve = [best + floor / (1 + (size / knee) ** 3) for size in sizes]
    density = 1.0 if arm == "dense" else 0.05
    return SearchRow(
        corpus=corpus,
        arm=arm,
        seed=seed,
        network=network,
        task=task,
        curve_nodes=sizes,
        curve_edges=[int(size**2 * density / 25) for size in sizes],
        curve_loss=curve,
        best_loss=min(curve),
        steps=250,
        training_sequences=8000,
        evaluations=49,
        seconds=_about(11, draws),
    )


def drawing(corpus: str, task: str, arm: str, target: float, draws: random.Random) -> Drawing:
    """Two layers; of the dense circuit only the strongest edges and the nodes they join."""
    sites = [f"blocks.{i}.{name}" for i in range(2) for name in _WIDTHS]
    sites.append("ln_final.hook_normalized")
    share = 0.13 if arm == "dense" else 0.06
    kept: list[tuple[int, int]] = []
    counts: list[int] = []
    for i, site in enumerate(sites):
        width = _WIDTHS.get(site.split(".", 2)[-1], 128)
        channels = sorted(draws.sample(range(width), max(2, int(width * _about(share, draws)))))
        counts.append(len(channels))
        kept += [(i, channel) for channel in channels]
    edges = [
        (source, target_, draws.gauss(0, 0.3))
        for source in kept
        for target_ in kept
        if source[0] // 8 == target_[0] // 8 and (source[0] % 8, target_[0] % 8) in _JOINS
    ]
    draws.shuffle(edges)
    whole = len(edges) if arm == "dense" else len(edges) // 8
    strongest = sorted(edges[:whole], key=lambda edge: -abs(edge[2]))[:400]
    shown = sorted({end for source, target_, _ in strongest for end in (source, target_)})
    place = {node: i for i, node in enumerate(shown)}
    return Drawing(
        corpus=corpus,
        arm=arm,
        seed=0,
        task=task,
        target=target,
        nodes=len(kept),
        edges=whole,
        sites=sites,
        site_counts=counts,
        shown_nodes=shown,
        shown_edges=[(place[a], place[b], weight) for a, b, weight in strongest],
    )


def _about(value: float, draws: random.Random) -> float:
    return value * math.exp(draws.gauss(0, 0.15))
