"""What training bridges is.

The paper (arXiv 2511.13653, sections 2.3 and A.4) states the three families of losses, and not
the normaliser of the first, the weights, whether the dense network is frozen, nor the number of
tokens. Those are fields here, and their defaults are ours.
"""

from typing import Literal

from pydantic import Field, model_validator

from netseams.core import Config
from netseams.training.config import Dense, TrainConfig

Normalizer = Literal["variance", "power"]


class BridgeConfig(Config):
    """Maps between two networks, and which of the networks learn with them."""

    maps: TrainConfig = TrainConfig(steps=400, batch_size=16, lr=2e-3, weight_decay=0.0)
    """Optimisation of the maps; its steps and batches are those of the whole run."""
    sparse: TrainConfig | None = None
    """How the weight-sparse network learns together with the maps, its projection included;
    None: it is frozen."""
    dense: TrainConfig | None = None
    """The same for the dense network."""
    sparse_start: Literal["trained", "fresh"] = "trained"
    """Whether a sparse network that learns goes on from its weights, or starts anew as in the
    paper (where it is trained with bridges from the first step)."""
    maps_start: Literal["ridge", "random"] = "ridge"
    """Maps start from the ridge solution of the first loss alone, or from random ones."""
    ridge: float = Field(default=1e-3, gt=0)
    """Ridge penalty, as a share of the mean variance of a source channel."""
    encoder_density: float | None = Field(default=None, gt=0, le=1)
    """Share of channels that AbsTopK keeps behind every encoder; None: all of them."""
    normalizer: Normalizer = "variance"
    """Squared error over the target's variance (predicting its mean scores 1), or over its
    mean square."""
    nmse_weight: float = Field(default=1.0, ge=0)
    sparse_tail_weight: float = Field(default=1.0, ge=0)
    """Of KL(dense || sparse network from an encoded residual onward)."""
    dense_tail_weight: float = Field(default=1.0, ge=0)
    """Of KL(dense || dense network from a decoded residual onward)."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fields_agree(self) -> "BridgeConfig":
        if not isinstance(self.maps.sparsity, Dense):
            raise ValueError("maps are dense: leave maps.sparsity at its default")
        for name, train in (("sparse", self.sparse), ("dense", self.dense)):
            if train is None:
                continue
            for field in ("steps", "batch_size"):
                ours, theirs = getattr(self.maps, field), getattr(train, field)
                if ours != theirs:
                    raise ValueError(
                        f"all parts learn from the same batches: {name}.{field} is {theirs}, "
                        f"but maps.{field} is {ours}"
                    )
        if self.sparse is None and self.sparse_start == "fresh":
            raise ValueError("sparse_start 'fresh' needs a sparse network that learns")
        if self.sparse_start == "fresh" and self.maps_start == "ridge":
            raise ValueError("a fresh network has nothing to fit: use maps_start 'random'")
        return self
