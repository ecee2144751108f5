"""What a training run is. Arms differ in one field: `train.sparsity`."""

from typing import Literal

from pydantic import Field, model_validator

from netseams.core import Config
from netseams.corpora import CorpusConfig
from netseams.masks import kept_count
from netseams.models import TransformerConfig
from netseams.training.arms import Dense, Sparsified, Sparsity, WeightSparse


class TrainConfig(Config):
    """Optimisation. Steps, batch and length are equal in every arm that is compared."""

    steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=32, ge=1)
    lr: float = Field(default=3e-3, gt=0)
    warmup: float = Field(default=0.02, ge=0, lt=1)
    """Share of steps in which the rate rises from 0; then it falls linearly to 0."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Of matrices but the bigram table; vectors never decay."""
    decay: Literal["adamw", "after_projection"] = "adamw"
    """`adamw`: inside the optimizer's step (paper); `after_projection`: plain Adam, then the
    projection, then w -= lr * weight_decay * w (released script)."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    """Adam's; 0.1 in paper and released script, together with a gradient of RMS 1."""
    gradient: Literal["clip_rms", "normalize_rms", "clip_norm", "none"] = "clip_norm"
    """`clip_rms`: root mean square at most 1 (paper); `normalize_rms`: exactly 1 (released
    script); `clip_norm`: Euclidean norm at most 1."""
    sparsity: Sparsity = Dense()
    checkpoint_every: int = Field(default=250, ge=1)


class RunConfig(Config):
    """Everything that decides a trained network."""

    corpus: CorpusConfig
    model: TransformerConfig = TransformerConfig()
    train: TrainConfig = TrainConfig()
    seed: int = Field(default=0, ge=0)

    @property
    def arm(self) -> str:
        """The kind of `train.sparsity`: `dense`, `weight_sparse`, `routed`, `dropout` ..."""
        return self.train.sparsity.kind

    @model_validator(mode="after")
    def _density_leaves_one_weight_a_row(self) -> "RunConfig":
        sparsity = self.train.sparsity
        if isinstance(sparsity, Sparsified):
            kept = sparsity.density * self.model.d_model**2
            if kept < self.model.d_model:
                raise ValueError(
                    f"density {sparsity.density} keeps {kept:.0f} of {self.model.d_model**2} "
                    f"weights in a {self.model.d_model} x {self.model.d_model} matrix, fewer "
                    f"than one a row: use at least {1 / self.model.d_model:.4f}"
                )
        return self

    @model_validator(mode="after")
    def _every_channel_can_keep_its_weights(self) -> "RunConfig":
        sparsity, fan = self.train.sparsity, self.model.d_model
        if not isinstance(sparsity, WeightSparse):
            return self
        for n in (self.model.d_model, self.model.d_mlp):
            needed, kept = sparsity.min_alive * n, kept_count(n * fan, sparsity.density)
            if needed > kept:
                raise ValueError(
                    f"min_alive {sparsity.min_alive} needs {sparsity.min_alive} x {n} = {needed} "
                    f"weights in a matrix of {n} channels and {fan} weights each, but density "
                    f"{sparsity.density} keeps {kept}: use min_alive at most {kept // n}, or "
                    f"density at least {sparsity.min_alive / fan:.4g}"
                )
        return self
