"""Sufficiency: alone, does the circuit do the task? On its own this is not evidence."""

from collections.abc import Mapping

from torch import Tensor

from netseams.circuits import Circuit
from netseams.evaluation.score import Score, score_circuit
from netseams.interventions import AblationKind
from netseams.models import Network
from netseams.tasks import Task


def sufficiency(
    circuit: Circuit,
    model: Network,
    task: Task,
    ablation: AblationKind,
    means: Mapping[str, Tensor],
    calibrated: bool = True,
) -> Score:
    """Score on the report split with everything outside the circuit ablated.

    Args:
        calibrated: rescale and shift its logits if the circuit carries a calibration.

    Raises:
        CircuitMismatchError: the circuit is of another model.
    """
    circuit.check_model(model)
    calibration = circuit.calibration if calibrated else None
    return score_circuit(circuit, model, task, "report", ablation, means, calibration=calibration)
