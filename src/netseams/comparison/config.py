"""What is compared with what."""

from pydantic import Field, model_validator

from netseams.core import Config
from netseams.corpora import CorpusConfig
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.training import Dense, RunConfig, TrainConfig, WeightSparse


class Setting(Config):
    """One corpus, with everything that both arms share and the one field that differs."""

    corpus: CorpusConfig
    model: TransformerConfig
    train: TrainConfig
    """Shared by both arms; its `sparsity` must be dense."""
    weight_sparse: WeightSparse
    """What the other arm has instead."""
    search: NodeMaskConfig = NodeMaskConfig()
    """The one search that every network gets, controls included."""
    targets: tuple[float, ...] = (0.05, 0.15, 0.3)
    """Losses, in nats, at which circuits are compared."""
    primary_target: float = 0.15
    """The one that the verdict-bearing numbers use (arXiv 2511.13653, A.5)."""

    @model_validator(mode="after")
    def _targets_and_arms(self) -> "Setting":
        if self.primary_target not in self.targets:
            raise ValueError(f"primary_target {self.primary_target} is not among {self.targets}")
        if not isinstance(self.train.sparsity, Dense):
            raise ValueError("train.sparsity is the dense arm's and must be dense")
        return self

    def run(self, arm: str, seed: int) -> RunConfig:
        """The training run of one arm: the two differ in `train.sparsity` alone."""
        sparsity = self.weight_sparse if arm == "weight_sparse" else Dense()
        train = self.train.model_copy(update={"sparsity": sparsity})
        return RunConfig(corpus=self.corpus, model=self.model, train=train, seed=seed)


class CompareConfig(Config):
    """A whole comparison."""

    preset: str = "custom"
    settings: tuple[Setting, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    random_masks: int = Field(default=5, ge=1)
    """Random masks of equal size drawn for every circuit."""

    @model_validator(mode="after")
    def _each_once(self) -> "CompareConfig":
        names = [setting.corpus.kind for setting in self.settings]
        if len(set(names)) < len(names):
            raise ValueError(f"every kind of corpus may appear once, got {names}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"every seed may appear once, got {self.seeds}")
        return self
