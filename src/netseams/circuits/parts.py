"""A circuit as a set of places, and the core that several share.

What the places are depends on what the circuit is a choice of: channels, weights or links. The
part that one circuit has alone is `Circuit.without`.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from netseams.circuits.circuit import Circuit, Link
from netseams.core import CircuitMismatchError, SettingError
from netseams.models import Network


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
    groups: dict[str, list[bool]] = {}
    for link in possible:
        kind = "".join(letter for letter in link[1] if not letter.isdigit())
        groups.setdefault(kind, []).append(link in circuit.links)
    return {kind: torch.tensor(kept) for kind, kept in groups.items()}


def places_of(circuit: Circuit, model: Network) -> dict[str, Bool[Tensor, "*shape"]]:
    """The channels or weights that could have been chosen: all channels, all weights but zeros.

    Raises:
        CircuitMismatchError: the circuit is of another model.
        SettingError: a circuit of components; what it chose from is given to `chosen_masks`.
    """
    circuit.check_model(model)
    if circuit.granularity == "nodes":
        return {site: torch.ones_like(mask) for site, mask in circuit.nodes.items()}
    if circuit.granularity == "weights":
        return {name: (model.matrix(name).detach() != 0).cpu() for name in circuit.edges}
    raise SettingError("a circuit of components chose from the links given to chosen_masks")


def core_part(circuits: Sequence[Circuit], model: Network) -> Circuit:
    """What all of these circuits of one model have, as a circuit of the first one's task.

    Raises:
        CircuitMismatchError: circuits of several models or granularities.
        SettingError: no circuit.
    """
    if not circuits:
        raise SettingError("the core of circuits needs at least one, got none")
    kinds = {(c.model_fingerprint, c.granularity) for c in circuits}
    if len(kinds) > 1:
        raise CircuitMismatchError(
            "circuits have a core only within one model and granularity, got "
            + " and ".join(f"{granularity} of {found}" for found, granularity in sorted(kinds))
        )
    core = circuits[0].without([], model)
    for other in circuits[1:]:
        core = core.without([core.without([other], model)], model)
    return core
