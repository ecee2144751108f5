"""Networks trained to find the odd one out, as a folder: from scratch or from a language model.

config.json            everything that decides the network, its pretraining included
metrics.jsonl          one row per logged step
checkpoint.safetensors weights and moments; gone when finished
model.safetensors      the trained network
result.json            accuracy on every kind of problem, cost
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, model_validator
from torch import Tensor

from netseams.core import Config, DivergedError, FileFormatError, generator
from netseams.models import (
    ConvNet,
    ConvNetConfig,
    Transformer,
    TransformerConfig,
    encode_sets,
    encoder_of,
    load_convnet,
    load_model,
    save_convnet,
    save_model,
)
from netseams.store import WorkFolder, append_line, write_text
from netseams.tasks.odd_one_out import (
    ODD_KINDS,
    OddKind,
    OddRule,
    odd_accuracy,
    odd_examples,
    odd_loss,
)
from netseams.tasks.odd_rules import odd_rule
from netseams.training.arms import Dense
from netseams.training.config import RunConfig, TrainConfig
from netseams.training.learner import Learner
from netseams.training.run import LOG_EVERY, Progress, resume, save_checkpoint, train


class OddOneOutConfig(Config):
    """Everything that decides a network trained on the composite problems of a rule."""

    rule: str
    model: TransformerConfig | ConvNetConfig
    train: TrainConfig = TrainConfig()
    """Its batches are of problems, four items each."""
    language_model: RunConfig | None = None
    """The run whose weights training starts from; None: from scratch."""
    seed: int = Field(default=0, ge=0)

    @property
    def problems(self) -> OddRule:
        """The rule, for rows as long as the network reads."""
        n_ctx = self.model.n_ctx if isinstance(self.model, TransformerConfig) else 0
        return odd_rule(self.rule, n_ctx)

    @model_validator(mode="after")
    def _fields_agree(self) -> "OddOneOutConfig":
        is_text = isinstance(self.model, TransformerConfig)
        reads = self.problems.reads
        if reads != ("tokens" if is_text else "images"):
            network = "transformer" if is_text else "convolutional network"
            raise ValueError(f"rule {self.rule} is about {reads}, which a {network} cannot read")
        if not is_text and not isinstance(self.train.sparsity, Dense):
            raise ValueError("arms are for transformers: train a convolutional network densely")
        if self.language_model is not None and self.language_model.model != self.model:
            raise ValueError("language_model.model must be `model`: its weights are the start")
        return self


class OddOneOutResult(Config):
    """What training came to."""

    steps: int
    seconds: float
    """Without pretraining."""
    accuracy: dict[OddKind, float]
    """On the report split of every kind; chance is 1/4. A network that does what it was trained
    for fails on `mask_a` and `mask_b`: it rightly calls an item without B odd."""


@dataclass(frozen=True)
class TrainedOddOneOut:
    """A finished run; the network is read from disk when asked for."""

    folder: Path
    config: OddOneOutConfig
    result: OddOneOutResult

    def load(self) -> Transformer | ConvNet:
        """The trained network.

        Raises:
            FileFormatError: its file is damaged.
        """
        path = self.folder / "model.safetensors"
        is_text = isinstance(self.config.model, TransformerConfig)
        return load_model(path) if is_text else load_convnet(path)


class OddTrainer:
    """Network and learner of one run, with a state that can be saved."""

    def __init__(self, config: OddOneOutConfig, start: Transformer | None = None) -> None:
        self.config = config
        self.problems = config.problems
        self.model = fresh_network(config)
        if start is not None:
            self.model.load_state_dict(start.state_dict())
        self.learner = Learner(self.model, config.train, config.seed)
        self.step = 0

    def run(self, on_step: Callable[[int, float], None]) -> None:
        """Train from the current step to the last; every draw is a function of (seed, step).

        Raises:
            DivergedError: the loss is not finite.
        """
        cfg, encoder = self.config, encoder_of(self.model)
        while self.step < cfg.train.steps:
            draws = generator(cfg.seed, "problems", self.step)
            batch = self.problems.problems("composite", cfg.train.batch_size, "train", draws)
            loss = odd_loss(encode_sets(encoder, batch.items), batch.odd)
            if not math.isfinite(value := loss.item()):
                raise DivergedError(
                    f"loss became {value} at step {self.step} (seed {cfg.seed}): lower train.lr"
                )
            loss.backward()
            self.learner.update(self.step)
            self.step += 1
            on_step(self.step, value)

    def state(self) -> dict[str, Tensor]:
        return self.learner.state()

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        self.learner.restore(tensors)
        self.step = step


def train_odd_one_out(
    config: OddOneOutConfig,
    folder: Path,
    language_model: Path | None = None,
    progress: Progress | None = None,
) -> TrainedOddOneOut:
    """Train, or go on where an earlier call with the same config stopped.

    Args:
        language_model: folder of the pretraining run, which is trained if it is not finished and
            may serve several rules; None: `folder / "language_model"`.

    Raises:
        RunFolderError: a folder holds a run with another config.
        DivergedError: the loss is not finite.
        StorageError: no space, or a folder cannot be written.
    """
    work = WorkFolder(folder)
    work.claim(config)
    if (work / "result.json").exists():
        return open_odd_one_out(folder)
    start = None
    if config.language_model is not None:
        where = language_model or work / "language_model"
        start = train(config.language_model, where, progress).load()
    trainer = OddTrainer(config, start)
    spent, started, total = resume(trainer, work), time.perf_counter(), config.train.steps

    def on_step(step: int, loss: float) -> None:
        if step % LOG_EVERY == 0 or step == total:
            append_line(work / "metrics.jsonl", {"step": step, "loss": loss})
        if progress is not None:
            progress(step, total, f"loss {loss:.3f}")
        if step % config.train.checkpoint_every == 0 and step < total:
            save_checkpoint(trainer, work, spent + time.perf_counter() - started)

    trainer.run(on_step)
    seconds = spent + time.perf_counter() - started
    model = trainer.model
    if isinstance(model, Transformer):
        save_model(work / "model.safetensors", model)
    else:
        save_convnet(work / "model.safetensors", model)
    result = OddOneOutResult(
        steps=total, seconds=seconds, accuracy=every_accuracy(model, config.problems)
    )
    write_text(work / "result.json", result.model_dump_json(indent=2))
    (work / "checkpoint.safetensors").unlink(missing_ok=True)
    return open_odd_one_out(folder)


def open_odd_one_out(folder: Path) -> TrainedOddOneOut:
    """Open a finished run without reading its weights.

    Raises:
        FileFormatError: there is none, or it is not finished.
    """
    config = OddOneOutConfig.read(folder / "config.json")
    if not (folder / "result.json").exists():
        raise FileFormatError(f"run {folder} is not finished: train it again to resume it")
    return TrainedOddOneOut(folder, config, OddOneOutResult.read(folder / "result.json"))


def fresh_network(config: OddOneOutConfig) -> Transformer | ConvNet:
    """The network before any training: the start of a run, and the untrained control."""
    if isinstance(config.model, TransformerConfig):
        return Transformer(config.model, config.seed)
    return ConvNet(config.model, config.seed)


def every_accuracy(model: Transformer | ConvNet, rule: OddRule) -> dict[OddKind, float]:
    """Accuracy on the report split of every kind of problem."""
    encoder = encoder_of(model)
    return {kind: odd_accuracy(encoder, odd_examples(rule, kind, "report")) for kind in ODD_KINDS}
