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
from typing import Protocol

from torch import Tensor

from netseams.core import Config, Device, FileFormatError, RunFolderError, device_named
from netseams.corpora import Corpus, load_corpus
from netseams.models import (
    ParameterCount,
    ParameterGroup,
    Transformer,
    load_model,
    model_fingerprint,
    parameter_counts,
    save_model,
)
from netseams.store import (
    WorkFolder,
    append_line,
    load_tensors,
    read_jsonl,
    save_tensors,
    write_jsonl,
    write_text,
)
from netseams.training.arms import Sparsified
from netseams.training.channels import ChannelCount, ChannelKind, channel_counts
from netseams.training.config import RunConfig
from netseams.training.distributed import Processes
from netseams.training.loop import Step, Trainer, validation_loss
from netseams.training.nominal import nominal_parameters

Progress = Callable[[int, int, str], None]
"""Called with (steps done, steps in all, a word on the state)."""
LOG_EVERY = 25


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
    groups: dict[ParameterGroup, ParameterCount]
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
        return load_model(self.folder)


def train(
    config: RunConfig,
    folder: Path,
    progress: Progress | None = None,
    processes: Processes | None = None,
    device: Device = "cpu",
) -> TrainedRun:
    """Train, or go on where an earlier call with the same config stopped.

    On one machine with one thread count, a resumed run ends bit-identical to an undisturbed one.
    On another `device` it is the same run up to rounding, and may go on from that one's checkpoint.
    With `processes` (`launched_processes`) all of them make this call, and all see `folder`; the
    files are those of one process, and a run may go on with another number of them.

    Raises:
        RunFolderError: the folder holds a run with another config.
        SettingError: `device` is cuda and there is none.
        DivergedError: the loss is not finite.
        StorageError: no space, or the folder cannot be written.
    """
    device_named(device)  # before the folder is made
    work = WorkFolder(folder)
    first = processes is None or processes.first
    if _claimed_and_finished(work, config, processes):
        return open_run(folder)
    if processes is None:
        corpus = load_corpus(config.corpus)
    else:
        corpus = processes.after_the_first(lambda: load_corpus(config.corpus))
    trainer = Trainer(config, corpus, processes, device)
    spent = resume(trainer, work, first)
    total = config.train.steps
    started = time.perf_counter()

    def on_step(step: Step) -> None:
        if first and (step.step % LOG_EVERY == 0 or step.step == total):
            append_line(
                work / "metrics.jsonl",
                {"step": step.step, "loss": step.loss, "lr": step.lr, "density": step.density},
            )
        if progress is not None:
            progress(step.step, total, f"loss {step.loss:.3f}")
        if step.step % config.train.checkpoint_every == 0 and step.step < total:
            save_checkpoint(trainer, work, spent + time.perf_counter() - started, first)

    trainer.run(on_step)
    seconds = spent + time.perf_counter() - started
    model = trainer.whole_model()
    valid = validation_loss(trainer.model, corpus, "valid", processes=processes)
    test = validation_loss(trainer.model, corpus, "test", processes=processes)
    if model is not None:
        save_model(work / "model.safetensors", model)
        result = result_of(config, model, corpus, seconds, valid, test)
        write_text(work / "result.json", result.model_dump_json(indent=2))
        (work / "checkpoint.safetensors").unlink(missing_ok=True)
    if processes is not None:
        processes.wait()
    return open_run(folder)


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


def _claimed_and_finished(work: WorkFolder, config: RunConfig, processes: Processes | None) -> bool:
    """Take the folder, which the first process does for all; whether the run in it is finished."""
    result = work / "result.json"
    if processes is None:
        work.claim(config)
        return result.exists()
    if processes.first:
        work.claim(config)
    finished = processes.announced(int(result.exists()))
    if not work.check(config):
        raise RunFolderError(
            f"process {processes.rank} does not see {work.path}, which the first process has "
            "made: choose a folder that all machines share"
        )
    return bool(finished)


class Resumable(Protocol):
    """What a checkpoint needs of a trainer."""

    step: int

    def state(self) -> dict[str, Tensor]: ...

    def restore(self, tensors: dict[str, Tensor], step: int) -> None: ...


def save_checkpoint(
    trainer: Resumable, work: WorkFolder, seconds: float, first: bool = True
) -> None:
    """Write the state of `trainer`, atomically, in place of an earlier one.

    All processes take part, the first one alone writes.
    """
    header = {"step": str(trainer.step), "seconds": repr(seconds)}
    tensors = trainer.state()
    if first:
        save_tensors(work / "checkpoint.safetensors", tensors, header)


def resume(trainer: Resumable, work: WorkFolder, first: bool = True) -> float:
    """Load the checkpoint, drop metric rows written after it; seconds spent so far.

    All processes read, the first one alone writes.
    """
    path = work / "checkpoint.safetensors"
    if not path.exists():
        if first:
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
    if not first:
        return seconds
    metrics = work / "metrics.jsonl"
    rows = [row for row in read_jsonl(metrics) if row["step"] <= step] if metrics.exists() else []
    write_jsonl(metrics, rows)
    return seconds


def result_of(
    cfg: RunConfig, model: Transformer, corpus: Corpus, seconds: float, valid: float, test: float
) -> RunResult:
    """What training came to: `model` in one piece, and its two losses."""
    groups, arm = parameter_counts(model), cfg.train.sparsity
    nominal = nominal_parameters(model.cfg)
    return RunResult(
        steps=cfg.train.steps,
        tokens=cfg.train.steps * cfg.train.batch_size * cfg.model.n_ctx,
        seconds=seconds,
        valid_loss=valid,
        test_loss=test,
        n_parameters=sum(group.n for group in groups.values()),
        l0=sum(group.l0 for group in groups.values()),
        n_edge_weights=groups["block"].n,
        l0_edges=groups["block"].l0,
        groups=groups,
        n_nominal=nominal,
        l0_nominal=round(arm.share_kept * nominal) if isinstance(arm, Sparsified) else nominal,
        channels=channel_counts(model, corpus),
        fingerprint=model_fingerprint(model),
    )
