"""What a training run is. Arms differ in one field: `train.sparsity`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from netseams.core import Config
from netseams.corpora import CorpusConfig
from netseams.masks import AnnealShape
from netseams.models import TransformerConfig


class Dense(Config):
    """Ordinary training: every weight is kept."""

    kind: Literal["dense"] = "dense"


class WeightSparse(Config):
    """After every optimizer step each matrix keeps its largest magnitudes (arXiv 2511.13653)."""

    kind: Literal["weight_sparse"] = "weight_sparse"
    density: float = Field(default=0.05, gt=0, le=1)
    """Final share of weights kept in every block matrix."""
    embed_density: float | None = Field(default=None, gt=0, le=1)
    """That of embeddings and unembedding. None: the same, as in the paper; the released script
    keeps a larger share there."""
    biases: Literal["sparse", "dense"] = "sparse"
    """`sparse` as in the paper; the released script leaves biases dense."""
    anneal: AnnealShape = "linear"
    anneal_start: float = Field(default=0.01, ge=0, lt=1)
    anneal_end: float = Field(default=0.5, gt=0, le=1)
    lr_rule: Literal["inverse_sqrt_l0", "relative_sqrt_l0", "none"] = "inverse_sqrt_l0"
    """Learning rate times 1/sqrt(density) (paper), sqrt(final / density) (released script), or
    left alone."""


Sparsity = Annotated[Dense | WeightSparse, Field(discriminator="kind")]


class TrainConfig(Config):
    """Optimisation. Steps, batch and length are equal in every arm that is compared."""

    steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=32, ge=1)
    lr: float = Field(default=3e-3, gt=0)
    warmup: float = Field(default=0.02, ge=0, lt=1)
    """Share of steps in which the rate rises from 0; then it falls linearly to 0."""
    weight_decay: float = Field(default=0.1, ge=0)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
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
        """`dense` or `weight_sparse`."""
        return self.train.sparsity.kind

    @model_validator(mode="after")
    def _density_leaves_one_weight_a_row(self) -> "RunConfig":
        sparsity = self.train.sparsity
        if isinstance(sparsity, WeightSparse):
            kept = sparsity.density * self.model.d_model**2
            if kept < self.model.d_model:
                raise ValueError(
                    f"density {sparsity.density} keeps {kept:.0f} of {self.model.d_model**2} "
                    f"weights in a {self.model.d_model} x {self.model.d_model} matrix, fewer "
                    f"than one a row: use at least {1 / self.model.d_model:.4f}"
                )
        return self
