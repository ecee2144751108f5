"""Pressures: what training may be put under in the place of sparsity, one class a kind."""

from typing import Any

from netseams.models import Transformer
from netseams.training.arms import Sparsity
from netseams.training.pressures.activity_price import ActivityPricePressure
from netseams.training.pressures.adversarial import AdversarialPressure
from netseams.training.pressures.base import Pressure
from netseams.training.pressures.noise import ActivityNoisePressure, DropoutPressure
from netseams.training.pressures.weights import ClusteredPressure, LocalPressure

PRESSURES: dict[str, type[Pressure[Any]]] = {
    "dropout": DropoutPressure,
    "activity_noise": ActivityNoisePressure,
    "activity_price": ActivityPricePressure,
    "adversarial": AdversarialPressure,
    "clustered": ClusteredPressure,
    "local": LocalPressure,
}
"""Kind of an arm -> what it does to the loss."""


def pressure_for(model: Transformer, arm: Sparsity, seed: int) -> Pressure[Any] | None:
    """What the arm does to the loss; None where it does nothing.

    Raises:
        SettingError: the model's shape does not allow it.
    """
    return PRESSURES[arm.kind](model, arm, seed) if arm.kind in PRESSURES else None


__all__ = ["PRESSURES", "Pressure", "pressure_for"]
