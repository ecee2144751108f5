"""Settings of the weight-mask learner."""

from typing import Annotated, Literal

from pydantic import Field

from netseams.core import Config
from netseams.discovery.units import Unit
from netseams.masks import ContinuousSparsification, HardConcrete, TopK

AnyRelaxation = Annotated[
    ContinuousSparsification | HardConcrete | TopK, Field(discriminator="kind")
]


class WeightSearchConfig(Config):
    """What every search over weights is told, learned or not."""

    unit: Unit = "weights"
    matrices: tuple[str, ...] | None = None
    """Shell-style patterns of parameter names; None: linear and convolutional layers, without
    embeddings and unembedding."""
    objective: Literal["labels", "faithful"] = "labels"
    """Of `fit`, which is given one task. `fit_module` takes any objective."""
    on_drift: Literal["mark", "refuse"] = "mark"
    """What to do where the unmasked network lacks the behaviour: say so in the result, or stop."""
    snapshots: int = Field(default=20, ge=1)
    """Masks measured on the way for the size-loss curve."""
    bisections: int = Field(default=8, ge=0)
    """Evaluations spent on shrinking the mask of one target loss."""


class WeightMaskConfig(WeightSearchConfig):
    """Settings of the learner. Equal settings are equal budgets."""

    relaxation: AnyRelaxation = ContinuousSparsification()
    steps: int = Field(default=300, ge=1)
    batch_size: int = Field(default=32, ge=1)
    """Rows a step, split evenly over the terms of the objective."""
    lr: float = Field(default=0.03, gt=0)
    price_start: float = Field(default=3.0, gt=0)
    """Price of an all-open mask in nats, at the first step: the mean of the mask is what counts,
    so that one price means the same for masks of any size."""
    price_end: float = Field(default=100.0, gt=0)
    """The same at the last step; in between it rises geometrically."""
    seed: int = 0


HARD_CONCRETE = WeightMaskConfig(relaxation=HardConcrete(), lr=0.1)
TOPK = WeightMaskConfig(relaxation=TopK())
