"""What every discovery method offers, and the table of them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Protocol, Self

from torch import Tensor

from netseams.circuits import Circuit, Granularity
from netseams.core import Registry
from netseams.discovery.acdc import Acdc
from netseams.discovery.activation_patching import ActivationPatching
from netseams.discovery.eap import EdgeAttribution
from netseams.discovery.eap_ig import IntegratedEdgeAttribution
from netseams.discovery.edge_masks import EdgeMasks
from netseams.discovery.node_masks import NodeMasks
from netseams.discovery.search import Budget, CurvePoint
from netseams.discovery.weight_config import HARD_CONCRETE, TOPK
from netseams.discovery.weight_masks import WeightMasks
from netseams.discovery.weight_scores import WeightScores, WeightScoresConfig
from netseams.models import Network
from netseams.tasks import Task


class Method(Protocol):
    """An estimator: its constructor stores settings, `fit` learns, learned state ends in `_`."""

    granularity: ClassVar[Granularity]
    circuits_: dict[float, Circuit | None]
    """Target loss -> the smallest circuit found; None where it was not reached."""
    budget_: Budget

    @property
    def curve_(self) -> Sequence[CurvePoint]:
        """Size and loss on the select split of the masks met on the way."""
        ...

    def fit(
        self,
        model: Network,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
    ) -> Self:
        """Search for circuits of `model` that do `task`; the model is left as it was.

        Args:
            means: site -> mean activation, which stands in for what is ablated to its mean.
            targets: losses on the select split, in nats, to find the smallest circuit for.

        Raises:
            ModelError: a method of links or weights, and a model that is not ours.
        """
        ...


METHODS: Registry[Callable[[], Method]] = Registry("discovery method")
"""Name -> the method with its default settings."""

METHODS.register("node_masks")(NodeMasks)
METHODS.register("activation_patching")(ActivationPatching)
METHODS.register("eap")(EdgeAttribution)
METHODS.register("eap_ig")(IntegratedEdgeAttribution)
METHODS.register("acdc")(Acdc)
METHODS.register("edge_masks")(EdgeMasks)
METHODS.register("weight_masks")(WeightMasks)
METHODS.register("hard_concrete_weights")(partial(WeightMasks, HARD_CONCRETE))
METHODS.register("topk_weights")(partial(WeightMasks, TOPK))
METHODS.register("magnitude")(WeightScores)
METHODS.register("saliency")(partial(WeightScores, WeightScoresConfig(scoring="saliency")))
