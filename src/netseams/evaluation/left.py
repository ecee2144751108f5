"""What is left of a model with only, or without, a circuit, by the circuit's granularity."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import SettingError
from netseams.interventions import AblationKind, NodeMask, kept_weights
from netseams.models import Transformer


class Left(NamedTuple):
    """Kept nodes, the others to be ablated (None: all); parameters that stand in for others."""

    nodes: NodeMask | None
    weights: Mapping[str, Tensor]


def left(
    circuit: Circuit, model: Transformer, how: Literal["only", "without"], ablation: AblationKind
) -> Left:
    """What to run for a circuit alone, or for its model without it.

    Raises:
        SettingError: weights cannot be ablated in this way.
    """
    if circuit.granularity == "weights":
        if ablation != "zero":
            raise SettingError(
                f"ablation {ablation!r} replaces activations, but this is a circuit of weights, "
                "which sets the others to zero: use 'zero'"
            )
        return Left(None, kept_weights(model, circuit.edges, how))
    return Left(circuit.nodes if how == "only" else circuit.complement(), {})
