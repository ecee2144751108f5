"""Agreement: does the circuit do what its network does, mistakes included?

Mask training can drift from explaining a behaviour to fitting one: a circuit that is better at
the task than its network is not the network's mechanism alone.
"""

from collections.abc import Mapping

from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import Config
from netseams.evaluation.score import candidate_logits, circuit_logits
from netseams.interventions import AblationKind
from netseams.models import Network
from netseams.tasks import Task


class Agreement(Config):
    """Circuit against whole network on the report split."""

    same_answer: float
    """Share of answers on which both choose the same candidate."""
    same_on_errors: float | None
    """The same among answers that the network gets wrong; None where it gets none wrong."""
    kl: float
    """KL(network || circuit) over the candidates, in nats."""


def agreement(
    circuit: Circuit,
    model: Network,
    task: Task,
    ablation: AblationKind,
    means: Mapping[str, Tensor],
    calibrated: bool = True,
) -> Agreement:
    """Compare the answers of circuit and network, input by input.

    Args:
        calibrated: rescale and shift its logits if the circuit carries a calibration.

    Raises:
        CircuitMismatchError: the circuit is of another model.
    """
    circuit.check_model(model)
    ours, targets = circuit_logits(circuit, model, task, "report", ablation, means)
    if calibrated and circuit.calibration is not None:
        ours = circuit.calibration.apply(ours)
    whole, _ = candidate_logits(model, task, "report", None, ablation, means)
    same = ours.argmax(-1) == whole.argmax(-1)
    wrong = whole.argmax(-1) != targets
    p, q = whole.log_softmax(-1), ours.log_softmax(-1)
    return Agreement(
        same_answer=float(same.float().mean()),
        same_on_errors=float(same[wrong].float().mean()) if bool(wrong.any()) else None,
        kl=float((p.exp() * (p - q)).sum(-1).mean()),
    )
