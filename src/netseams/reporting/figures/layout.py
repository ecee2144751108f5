"""Where the nodes of a circuit are drawn: levels bottom to top, crossings kept few.

Sites that read or write the residual stream share one set of columns, so that one residual
channel is one vertical line. Queries, keys and values of a block share a level.
"""

from collections import defaultdict
from dataclasses import dataclass

from netseams.comparison.result import Drawing

_SWEEPS = 8
_RESIDUAL = ("hook_normalized", "hook_attn_out", "hook_mlp_out")
_THIRDS = ("attn.hook_q", "attn.hook_k", "attn.hook_v")


@dataclass(frozen=True)
class Layout:
    """x in 0..1 and level of every shown node; sites by level, bottom first."""

    x: list[float]
    level: list[int]
    levels: list[list[int]]
    """Indices of the sites on every level."""
    residual: dict[int, list[int]]
    """Residual channel -> its shown nodes in forward order."""


def place(drawing: Drawing) -> Layout:
    """Order nodes by the mean place of their neighbours, a few times over."""
    levels = _levels(drawing.sites)
    level_of = {site: i for i, sites in enumerate(levels) for site in sites}
    groups = _groups(drawing)
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for source, target, weight in drawing.shown_edges:
        neighbours[source].append((target, abs(weight)))
        neighbours[target].append((source, abs(weight)))
    residual: dict[int, list[int]] = defaultdict(list)
    for node, (site, channel) in enumerate(drawing.shown_nodes):
        if _is_residual(drawing.sites[site]):
            residual[channel].append(node)
    x = [0.5] * len(drawing.shown_nodes)
    for units, span in groups:
        _spread(x, units, span)
    for _ in range(_SWEEPS):
        for units, span in groups:
            units.sort(key=lambda unit: _pull(unit, x, neighbours))
            _spread(x, units, span)
    level = [level_of[site] for site, _ in drawing.shown_nodes]
    return Layout(x, level, levels, dict(residual))


def _levels(sites: list[str]) -> list[list[int]]:
    levels: list[list[int]] = []
    for i, site in enumerate(sites):
        joins = levels and site.endswith(_THIRDS) and sites[levels[-1][-1]].endswith(_THIRDS)
        if joins and _block(sites[levels[-1][-1]]) == _block(site):
            levels[-1].append(i)
        else:
            levels.append([i])
    return levels


def _block(site: str) -> str:
    return site.rsplit(".", 2)[0]


def _is_residual(site: str) -> bool:
    return site.endswith(_RESIDUAL)


Unit = list[int]
"""Nodes that share one place: a residual channel's, or a single node."""


def _groups(drawing: Drawing) -> list[tuple[list[Unit], tuple[float, float]]]:
    """What is ordered together, and the part of the width it fills."""
    channels: dict[int, Unit] = defaultdict(list)
    single: dict[int, list[Unit]] = defaultdict(list)
    for node, (site, channel) in enumerate(drawing.shown_nodes):
        if _is_residual(drawing.sites[site]):
            channels[channel].append(node)
        else:
            single[site].append([node])
    groups = [([channels[c] for c in sorted(channels)], (0.0, 1.0))]
    for site in sorted(single):
        groups.append((single[site], _span(drawing.sites[site])))
    return groups


def _span(site: str) -> tuple[float, float]:
    for i, name in enumerate(_THIRDS):
        if site.endswith(name):
            return i / 3 + 0.02, (i + 1) / 3 - 0.02
    return 0.0, 1.0


def _pull(unit: Unit, x: list[float], neighbours: dict[int, list[tuple[int, float]]]) -> float:
    near = [(x[other], weight) for node in unit for other, weight in neighbours.get(node, [])]
    total = sum(weight for _, weight in near)
    if total == 0:
        return x[unit[0]]
    return sum(place * weight for place, weight in near) / total


def _spread(x: list[float], units: list[Unit], span: tuple[float, float]) -> None:
    low, high = span
    for rank, unit in enumerate(units):
        for node in unit:
            x[node] = low + (high - low) * (rank + 0.5) / len(units)
