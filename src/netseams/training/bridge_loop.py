"""The loop over bridges: maps learn, and with them either network or none."""

import math
from collections.abc import Callable

from torch import Tensor

from netseams.core import DivergedError, generator
from netseams.corpora import Corpus
from netseams.models import Transformer
from netseams.models.bridge import Bridges, bridge_shape, copy_of
from netseams.training.bridge_config import BridgeConfig
from netseams.training.bridge_losses import BridgeLosses, bridge_losses
from netseams.training.bridge_maps import ridge_bridges
from netseams.training.learner import Learner, below


class BridgeTrainer:
    """Maps and copies of both networks; what does not learn is frozen.

    Raises:
        SettingError: the networks differ in depth or vocabulary.
    """

    def __init__(
        self, config: BridgeConfig, dense: Transformer, sparse: Transformer, corpus: Corpus
    ) -> None:
        shape = bridge_shape(dense.cfg, sparse.cfg, config.encoder_density)
        self.config = config
        self.corpus = corpus
        self.dense = copy_of(dense, config.dense is not None)
        if config.sparse_start == "fresh":
            self.sparse = Transformer(sparse.cfg, config.seed).to(sparse.device)
        else:
            self.sparse = copy_of(sparse, config.sparse is not None)
        if config.maps_start == "ridge":
            self.bridges = ridge_bridges(
                self.dense, self.sparse, corpus, config.ridge, config.encoder_density
            )
        else:
            self.bridges = Bridges(shape, config.seed).to(dense.device)
        self.step = 0
        parts = {
            "maps": (self.bridges, config.maps),
            "sparse": (self.sparse, config.sparse),
            "dense": (self.dense, config.dense),
        }
        self._learners = {
            name: Learner(module, train, config.seed)
            for name, (module, train) in parts.items()
            if train is not None
        }

    def run(self, on_step: Callable[[int, float, BridgeLosses], None]) -> None:
        """Train from the current step to the last; every draw is a function of (seed, step).

        Raises:
            DivergedError: the loss is not finite.
        """
        config = self.config
        length = min(self.dense.cfg.n_ctx, self.sparse.cfg.n_ctx)
        while self.step < config.maps.steps:
            draws = generator(config.seed, "bridge batch", self.step)
            batch = self.corpus.batch("train", config.maps.batch_size, length, draws)
            losses = bridge_losses(
                self.bridges, self.dense, self.sparse, batch, config.normalizer
            )  # fmt: skip
            loss = losses.total(config)
            value = loss.item()
            if not math.isfinite(value):
                raise DivergedError(
                    f"loss became {value} at step {self.step} (seed {config.seed}): "
                    "lower maps.lr, or the rate of the network that learns"
                )
            loss.backward()
            for part in self._learners.values():
                part.update(self.step)
            self.step += 1
            on_step(self.step, value, losses)

    def state(self) -> dict[str, Tensor]:
        """Weights and moments of all that learns, flat, for safetensors."""
        return {
            f"{name}.{key}": value
            for name, part in self._learners.items()
            for key, value in part.state().items()
        }

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Continue from `state()` taken after `step` steps."""
        for name, part in self._learners.items():
            part.restore(below(name, tensors))
        self.step = step
