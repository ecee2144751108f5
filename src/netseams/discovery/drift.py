"""The function-drift gate: does the base network already do what its mask is trained for?

Masks trained on labels that the network does not give are a kind of fine-tuning with binary
values: over networks that were never trained they reach any task (emergent subnetworks of
arXiv 2301.10884's random control; arXiv 1905.01067). Such a mask explains nothing.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F

from netseams.core import Config, TaskError
from netseams.discovery.objectives import Objective, Run
from netseams.tasks import learned_accuracy

DriftVerdict = Literal["explanation", "fine_tuning", "no_behaviour"]
"""The network has the behaviour; it has not, and the mask is trained on right answers; it has not,
and the mask is trained to keep or remove what is not there."""


class Drift(Config):
    """The unmasked network on the select split of the objective's function."""

    function: str
    base_loss: float
    """Cross-entropy of the right answers, in nats."""
    base_accuracy: float
    threshold: float
    """Accuracy from which on the network is held to have the behaviour."""
    verdict: DriftVerdict

    def line(self) -> str:
        """One line for people."""
        seen = (
            f"the unmasked network does {self.function} with accuracy {self.base_accuracy:.3f} "
            f"and loss {self.base_loss:.3f} (needed: accuracy {self.threshold:.3f})"
        )
        meaning = {
            "explanation": "the mask can be read as part of what it does",
            "fine_tuning": "the mask is fine-tuning with binary values, not an explanation",
            "no_behaviour": "there is no such behaviour for a mask to keep or to remove",
        }
        return f"{self.verdict}: {seen}; {meaning[self.verdict]}"


def measure_drift(objective: Objective, base: Run) -> Drift:
    """Score the whole network on what the mask is about."""
    function = objective.function
    inputs, targets = function.rows["select"]
    with torch.no_grad():
        logits = function.read(base, inputs).float()
    accuracy = float((logits.argmax(-1) == targets).float().mean())
    threshold = learned_accuracy(function.floor_accuracy)
    lacking: DriftVerdict = "fine_tuning" if objective.name == "labels" else "no_behaviour"
    return Drift(
        function=function.name,
        base_loss=float(F.cross_entropy(logits.flatten(0, -2), targets.flatten())),
        base_accuracy=accuracy,
        threshold=threshold,
        verdict="explanation" if accuracy >= threshold else lacking,
    )


def refuse_drift(drift: Drift) -> None:
    """Stop a search whose result would not be an explanation.

    Raises:
        TaskError: the base network does not have the behaviour.
    """
    if drift.verdict != "explanation":
        raise TaskError(
            f"{drift.line()}: train the network on it, ask for another behaviour, or allow drift"
        )


def drift_line(found_by: Mapping[str, Any]) -> str:
    """One line about a stored circuit, from its `found_by`; empty where it was not measured."""
    stored = found_by.get("drift")
    return "" if stored is None else Drift.model_validate(stored).line()
