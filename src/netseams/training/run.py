"""A training run as a folder: config, metrics, checkpoints, the finished model.

config.json            everything that decides the run
metrics.jsonl          one row per logged step
checkpoint.safetensors weights and moments, replaced atomically; gone when finished
model.safetensors      the trained network
result.json            losses, counts, cost
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netseams.core import Config, FileFormatError
from netseams.corpora import Corpus, load_corpus
from netseams.models import Transformer, load_model, model_fingerprint, save_model
from netseams.store import (
    WorkFolder,
    append_line,
    load_tensors,
    read_jsonl,
    save_tensors,
    write_jsonl,
    write_text,
)
from netseams.training.arms import Dense
from netseams.training.channels import ChannelCount, ChannelKind, channel_counts
from netseams.training.config import RunConfig
from netseams.training.counts import GroupCount, group_counts, nominal_parameters
from netseams.training.groups import ParameterGroup
from netseams.training.loop import Step, Trainer, validation_loss

Progress = Callable[[int, int, str], None]
"""Called with (steps done, steps in all, a word on the state)."""
_LOG_EVERY = 25


class RunResult(Config):
    """What training came to. Losses in nats a token."""

    steps: int
    tokens: int
    seconds: float
    valid_loss: float
    test_loss: float
    n_parameters: int
    """True count of all parameters."""
    l0: int
    """Those that are not zero."""
    n_edge_weights: int
    """Entries of the block matrices: the edges that a network of this shape could have."""
    l0_edges: int
    """Non-zero entries of the block matrices: the edges that it has."""
    groups: dict[ParameterGroup, GroupCount]
    """Both true counts for every group of parameters."""
    n_nominal: int
    """Parameters as the paper's labels count them: see `nominal_parameters`."""
    l0_nominal: int
    """The same share of `n_nominal` as block matrices keep (arXiv 2511.13653, figure 3)."""
    channels: dict[ChannelKind, ChannelCount]
    """Dead neurons and attention channels."""
    fingerprint: str


@dataclass(frozen=True)
class TrainedRun:
    """A finished run; the model is read from disk when asked for."""

    folder: Path
    config: RunConfig
    result: RunResult

    def load(self) -> Transformer:
        """The trained network.

        Raises:
            FileFormatError: its file is damaged.
        """
        return load_model(self.folder / "model.safetensors")


def train(config: RunConfig, folder: Path, progress: Progress | None = None) -> TrainedRun:
    """Train, or go on where an earlier call with the same config stopped.

    On one machine with one thread count, a resumed run ends bit-identical to an undisturbed one.

    Raises:
        RunFolderError: the folder holds a run with another config.
        DivergedError: the loss is not finite.
        StorageError: no space, or the folder cannot be written.
    """
    work = WorkFolder(folder)
    work.claim(config)
    if (work / "result.json").exists():
        return open_run(folder)
    corpus = load_corpus(config.corpus)
    trainer = Trainer(config, corpus)
    spent = _restore(trainer, work)
    total = config.train.steps
    started = time.perf_counter()

    def save(seconds: float) -> None:
        header = {"step": str(trainer.step), "seconds": repr(seconds)}
        save_tensors(work / "checkpoint.safetensors", trainer.state(), header)

    def on_step(step: Step) -> None:
        if step.step % _LOG_EVERY == 0 or step.step == total:
            append_line(
                work / "metrics.jsonl",
                {"step": step.step, "loss": step.loss, "lr": step.lr, "density": step.density},
            )
        if progress is not None:
            progress(step.step, total, f"loss {step.loss:.3f}")
        if step.step % config.train.checkpoint_every == 0 and step.step < total:
            save(spent + time.perf_counter() - started)

    trainer.run(on_step)
    seconds = spent + time.perf_counter() - started
    save_model(work / "model.safetensors", trainer.model)
    result = _result(trainer, corpus, seconds)
    write_text(work / "result.json", result.model_dump_json(indent=2))
    (work / "checkpoint.safetensors").unlink(missing_ok=True)
    return TrainedRun(folder, config, result)


def open_run(folder: Path) -> TrainedRun:
    """Open a finished run without reading its weights.

    Raises:
        FileFormatError: there is none, or it is not finished.
    """
    if not (folder / "config.json").exists():
        raise FileFormatError(f"{folder} is not a training run: it has no config.json")
    config = RunConfig.read(folder / "config.json")
    if not (folder / "result.json").exists():
        raise FileFormatError(f"run {folder} is not finished: train it again to resume it")
    return TrainedRun(folder, config, RunResult.read(folder / "result.json"))


def _restore(trainer: Trainer, work: WorkFolder) -> float:
    """Load the checkpoint, drop metric rows written after it; seconds spent so far."""
    path = work / "checkpoint.safetensors"
    if not path.exists():
        (work / "metrics.jsonl").unlink(missing_ok=True)
        return 0.0
    tensors, header = load_tensors(path)
    try:
        step, seconds = int(header["step"]), float(header["seconds"])
        trainer.restore(tensors, step)
    except (KeyError, ValueError, RuntimeError) as error:
        raise FileFormatError(
            f"checkpoint {path} does not fit this run ({error}): delete it to start afresh"
        ) from None
    metrics = work / "metrics.jsonl"
    rows = [row for row in read_jsonl(metrics) if row["step"] <= step] if metrics.exists() else []
    write_jsonl(metrics, rows)
    return seconds


def _result(trainer: Trainer, corpus: Corpus, seconds: float) -> RunResult:
    model, cfg = trainer.model, trainer.config
    groups, arm = group_counts(model), cfg.train.sparsity
    nominal = nominal_parameters(model.cfg)
    return RunResult(
        steps=cfg.train.steps,
        tokens=cfg.train.steps * cfg.train.batch_size * cfg.model.n_ctx,
        seconds=seconds,
        valid_loss=validation_loss(model, corpus, "valid"),
        test_loss=validation_loss(model, corpus, "test"),
        n_parameters=sum(group.n_parameters for group in groups.values()),
        l0=sum(group.l0 for group in groups.values()),
        n_edge_weights=groups["block"].n_parameters,
        l0_edges=groups["block"].l0,
        groups=groups,
        n_nominal=nominal,
        l0_nominal=nominal if isinstance(arm, Dense) else round(arm.density * nominal),
        channels=channel_counts(model, corpus),
        fingerprint=model_fingerprint(model),
    )
