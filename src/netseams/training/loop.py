"""The loop. Arms differ only in what is attached to the optimizer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netseams.core import Device, DivergedError, SettingError, device_named, generator
from netseams.corpora import Batch, Corpus
from netseams.corpora.base import Split
from netseams.models import Transformer
from netseams.training.arms import Routed
from netseams.training.config import RunConfig
from netseams.training.distributed import Processes
from netseams.training.learner import Learner
from netseams.training.loss import next_token_loss
from netseams.training.pressures import Pressure, pressure_for
from netseams.training.routing import Router


@dataclass(frozen=True)
class Step:
    """What one step reports."""

    step: int
    loss: float
    lr: float
    density: float


class Trainer:
    """Model and learner of one run, with a state that can be saved.

    With `processes` the model is split over them, and all call the same methods; else it is on
    `device`. Weights and batches are drawn on the CPU, so they are the same on any device.
    """

    def __init__(
        self,
        config: RunConfig,
        corpus: Corpus,
        processes: Processes | None = None,
        device: Device = "cpu",
    ) -> None:
        self.config = config
        self.corpus = corpus
        self.processes = processes
        self.model = Transformer(config.model, config.seed)
        if processes is None:
            self.model.to(device_named(device))
        else:
            processes.check_batch(config.train.batch_size)
            processes.shard(self.model)
        self.lesson = _lesson(self.model, corpus, config, processes)
        self.learner = Learner(self.model, config.train, config.seed, processes)
        self.optimizer, self.projection = self.learner.optimizer, self.learner.projection
        self.step = 0

    def run(self, on_step: Callable[[Step], None]) -> None:
        """Train from the current step to the last.

        Every draw is a function of (seed, step), so a resumed run sees the same batches.

        Raises:
            DivergedError: the loss is not finite.
        """
        cfg = self.config.train
        while self.step < cfg.steps:
            batch = self.corpus.batch(
                "train", cfg.batch_size, self.config.model.n_ctx,
                generator(self.config.seed, "batch", self.step),
            )  # fmt: skip
            value = self._backward(batch)
            lr, density = self.learner.update(self.step)
            self.step += 1
            on_step(Step(self.step, value, lr, density))

    def _backward(self, batch: Batch) -> float:
        """Put gradients on the parameters; the loss of the batch.

        Raises:
            DivergedError: it is not finite.
        """
        if self.lesson is None:
            loss, value = batch_loss(self.model, batch, self.processes)
        else:
            loss, value = None, self.lesson.backward(batch, self.step)
        if not math.isfinite(value):
            raise DivergedError(
                f"loss became {value} at step {self.step} (seed {self.config.seed}): lower train.lr"
            )
        if loss is not None:
            loss.backward()
        return value

    def state(self) -> dict[str, Tensor]:
        """All that decides the steps to come, flat, for safetensors; see `Learner.state`."""
        return self.learner.state()

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Continue from `state()` taken after `step` steps, on any number of processes."""
        self.learner.restore(tensors)
        self.step = step

    def whole_model(self) -> Transformer | None:
        """The model in one piece; only the first of several processes gets it."""
        if self.processes is None:
            return self.model
        weights = self.processes.gather(dict(self.model.state_dict()))
        if not self.processes.first:
            return None
        model = Transformer(self.config.model)
        model.load_state_dict(weights)
        return model


def _lesson(
    model: Transformer, corpus: Corpus, config: RunConfig, processes: Processes | None
) -> Router | Pressure[Any] | None:
    """What puts the gradients there in the place of the plain loss."""
    arm = config.train.sparsity
    if isinstance(arm, Routed):
        lesson = Router(model, corpus, arm)
    else:
        lesson = pressure_for(model, arm, config.seed)
    if lesson is not None and processes is not None:
        raise SettingError(f"arm {arm.kind} trains in one process: start this run without torchrun")
    return lesson


def batch_loss(
    model: Transformer, batch: Batch, processes: Processes | None
) -> tuple[Tensor, float]:
    """What to differentiate, and the loss of the whole batch in nats."""
    if processes is not None:
        return processes.loss(model, batch)
    loss = next_token_loss(model, batch)
    return loss, loss.item()


def validation_loss(
    model: Transformer,
    corpus: Corpus,
    split: Split,
    n_sequences: int = 512,
    processes: Processes | None = None,
) -> float:
    """Cross-entropy on fixed held-out windows, in nats a token."""
    draws = generator("validation", split)
    losses: list[float] = []
    with torch.no_grad():
        for _ in range(n_sequences // 64):
            batch = corpus.batch(split, 64, model.cfg.n_ctx, draws)
            losses.append(batch_loss(model, batch, processes)[1])
    return math.fsum(losses) / len(losses)
