"""A circuit as a set of places, and the parts that circuits share or have alone.

What the places are depends on what the circuit is a choice of: channels, weights or links.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from netseams.circuits.circuit import Circuit, Link
from netseams.circuits.edges import edges_between
from netseams.core import CircuitMismatchError, SettingError
from netseams.masks import exclusive, intersection
from netseams.models import Transformer, matrices_of


def chosen_masks(
    circuit: Circuit, links: Iterable[Link] | None = None
) -> dict[str, Bool[Tensor, "*shape"]]:
    """The circuit as masks: site -> channels, matrix -> weights, or kind of target -> links.

    Args:
        links: all links that could have been chosen, which a circuit of components does not know
            itself. Links are tensors by what they lead to (queries, keys, values, an MLP, the
            logits), in sorted order.

    Raises:
        SettingError: a circuit of components without `links`, or with one that is not among them.
    """
    if circuit.granularity == "nodes":
        return dict(circuit.nodes)
    if circuit.granularity == "weights":
        return dict(circuit.edges)
    possible = sorted(set(links or ()))
    if not possible:
        raise SettingError(
            "a circuit of components needs all links that could have been chosen, got none"
        )
    unknown = circuit.links - set(possible)
    if unknown:
        raise SettingError(
            "a circuit of components needs all links that could have been chosen: "
            f"{min(unknown)} is not among them"
        )
    return {
        kind: torch.tensor([link in circuit.links for link in group])
        for kind, group in _by_kind(possible).items()
    }


def places_of(circuit: Circuit, model: Transformer) -> dict[str, Bool[Tensor, "*shape"]]:
    """The channels or weights that could have been chosen: all channels, all weights but zeros.

    Raises:
        CircuitMismatchError: the circuit is of another model.
        SettingError: a circuit of components, whose links are given where they are needed.
    """
    circuit.check_model(model)
    if circuit.granularity == "nodes":
        return {site: torch.ones_like(mask) for site, mask in circuit.nodes.items()}
    if circuit.granularity == "weights":
        parameters = dict(model.named_parameters())
        return {name: parameters[name].detach() != 0 for name in circuit.edges}
    raise SettingError("the links that a circuit of components chooses from are not in the model")


def core_part(circuits: Sequence[Circuit], model: Transformer) -> Circuit:
    """What all of these circuits of one model have, as a circuit of the first one's task.

    Raises:
        CircuitMismatchError: circuits of several models or granularities.
        SettingError: no circuit.
    """
    if not circuits:
        raise SettingError("the core of circuits needs at least one, got none")
    links = _all_links(circuits)
    masks = intersection([chosen_masks(c, links) for c in circuits])
    return _with(circuits[0], masks, links, model)


def exclusive_part(circuit: Circuit, others: Sequence[Circuit], model: Transformer) -> Circuit:
    """What no other circuit has.

    Raises:
        CircuitMismatchError: circuits of several models or granularities.
    """
    links = _all_links([circuit, *others])
    masks = exclusive(chosen_masks(circuit, links), [chosen_masks(c, links) for c in others])
    return _with(circuit, masks, links, model)


def _all_links(circuits: Sequence[Circuit]) -> list[Link]:
    kinds = {(c.model_fingerprint, c.granularity) for c in circuits}
    if len(kinds) > 1:
        raise CircuitMismatchError(
            "circuits share parts only within one model and granularity, got "
            + " and ".join(f"{granularity} of {model}" for model, granularity in sorted(kinds))
        )
    found = sorted(set().union(*(c.links for c in circuits)))
    # Circuits of components without a link share nothing of nothing.
    return found or [("input", "logits")]


def _by_kind(links: Iterable[Link]) -> dict[str, list[Link]]:
    groups: dict[str, list[Link]] = {}
    for link in links:
        kind = "".join(letter for letter in link[1] if not letter.isdigit())
        groups.setdefault(kind, []).append(link)
    return groups


def _with(
    circuit: Circuit, masks: Mapping[str, Tensor], links: Sequence[Link], model: Transformer
) -> Circuit:
    """The same circuit of other places. Its calibration is gone."""
    circuit.check_model(model)
    if circuit.granularity == "nodes":
        nodes = dict(masks)
        return replace(circuit, nodes=nodes, edges=edges_between(model, nodes), calibration=None)
    if circuit.granularity == "weights":
        nodes = _ends(circuit, masks)
        return replace(circuit, nodes=nodes, edges=dict(masks), calibration=None)
    groups = _by_kind(links)
    kept = {
        link
        for kind, mask in masks.items()
        for link, on in zip(groups[kind], mask.tolist(), strict=True)
        if on
    }
    return replace(circuit, links=frozenset(kept), calibration=None)


def _ends(circuit: Circuit, edges: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Channels of the circuit that a kept weight still enters or leaves."""
    nodes = {site: torch.zeros_like(mask) for site, mask in circuit.nodes.items()}
    for m in matrices_of(circuit.model_config):
        nodes[m.target] |= edges[m.parameter].any(1)
        nodes[m.source] |= edges[m.parameter].any(0)
    return {site: mask & circuit.nodes[site] for site, mask in nodes.items()}
