"""Bridges as a folder: config, metrics, checkpoints, the finished maps.

config.json             settings, and the fingerprints of what they were applied to
metrics.jsonl           one row per logged step, one value a bridge site
checkpoint.safetensors  all that learns, and its moments; gone when finished
bridges.safetensors     the maps
sparse.safetensors      the network that learned with them, where one did (`dense` likewise)
result.json             losses on validation text, before and after
"""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from netseams.core import Config, FileFormatError, generator
from netseams.corpora import Corpus
from netseams.corpora.base import Split
from netseams.models import Transformer, load_model, model_fingerprint, save_model
from netseams.models.bridge import Bridges, Side, bridge_shape
from netseams.models.bridge_files import load_bridges, save_bridges
from netseams.store import WorkFolder, append_line, write_text
from netseams.training.bridge_config import BridgeConfig
from netseams.training.bridge_loop import BridgeTrainer
from netseams.training.bridge_losses import BridgeLosses, bridge_losses
from netseams.training.run import LOG_EVERY, Progress, TrainedRun, resume, save_checkpoint


class BridgeRunConfig(Config):
    """What decides the bridges: settings, both networks, and the text."""

    bridges: BridgeConfig
    dense: str
    """Fingerprint of the network as given."""
    sparse: str
    corpus: str
    """Fingerprint of the corpus."""


class SiteLosses(Config):
    """`BridgeLosses` as numbers, one a site."""

    encode_nmse: tuple[float, ...]
    decode_nmse: tuple[float, ...]
    sparse_tail_kl: tuple[float, ...]
    dense_tail_kl: tuple[float, ...]
    dense_ce: float
    sparse_ce: float


class BridgeResult(Config):
    """What training came to, on validation text. Losses in nats."""

    steps: int
    seconds: float
    before: SiteLosses
    """With the maps and networks that training started from."""
    after: SiteLosses
    dense: str
    """Fingerprint of the network that the maps fit now."""
    sparse: str


@dataclass(frozen=True)
class TrainedBridges:
    """Finished maps with the networks that they join."""

    folder: Path
    config: BridgeRunConfig
    result: BridgeResult
    bridges: Bridges
    dense: Transformer
    sparse: Transformer


def train_bridges(
    config: BridgeConfig,
    dense: Transformer | TrainedRun,
    sparse: Transformer | TrainedRun,
    corpus: Corpus,
    folder: Path,
    progress: Progress | None = None,
) -> TrainedBridges:
    """Train maps between two networks, or go on where an earlier call with equal input stopped.

    The networks given are not changed: one that learns is copied first.

    Raises:
        SettingError: the networks differ in depth or vocabulary.
        RunFolderError: the folder holds something else.
        DivergedError: the loss is not finite.
        StorageError: no space, or the folder cannot be written.
    """
    dense, sparse = _network(dense), _network(sparse)
    bridge_shape(dense.cfg, sparse.cfg)
    run = BridgeRunConfig(
        bridges=config,
        dense=model_fingerprint(dense),
        sparse=model_fingerprint(sparse),
        corpus=str(corpus.summary()["fingerprint"]),
    )
    work = WorkFolder(folder)
    work.claim(run)
    if (work / "result.json").exists():
        return open_bridges(folder, dense, sparse)
    trainer = BridgeTrainer(config, dense, sparse, corpus)
    before = measured_losses(trainer.bridges, trainer.dense, trainer.sparse, corpus, config)
    spent = resume(trainer, work)
    started, total = time.perf_counter(), config.maps.steps

    def on_step(step: int, loss: float, losses: BridgeLosses) -> None:
        if step % LOG_EVERY == 0 or step == total:
            row = {"step": step, "loss": loss, **_numbers(losses).model_dump()}
            append_line(work / "metrics.jsonl", row)
        if progress is not None:
            progress(step, total, f"loss {loss:.3f}")
        if step % config.maps.checkpoint_every == 0 and step < total:
            save_checkpoint(trainer, work, spent + time.perf_counter() - started)

    trainer.run(on_step)
    seconds = spent + time.perf_counter() - started
    after = measured_losses(trainer.bridges, trainer.dense, trainer.sparse, corpus, config)
    for side, model, learned in (
        ("dense", trainer.dense, config.dense),
        ("sparse", trainer.sparse, config.sparse),
    ):
        if learned is not None:
            save_model(work / f"{side}.safetensors", model)
    save_bridges(work / "bridges.safetensors", trainer.bridges, trainer.dense, trainer.sparse)
    result = BridgeResult(
        steps=total,
        seconds=seconds,
        before=before,
        after=after,
        dense=model_fingerprint(trainer.dense),
        sparse=model_fingerprint(trainer.sparse),
    )
    write_text(work / "result.json", result.model_dump_json(indent=2))
    (work / "checkpoint.safetensors").unlink(missing_ok=True)
    return TrainedBridges(folder, run, result, trainer.bridges, trainer.dense, trainer.sparse)


def open_bridges(
    folder: Path, dense: Transformer | TrainedRun, sparse: Transformer | TrainedRun
) -> TrainedBridges:
    """Open finished bridges. A network that learned is read from the folder.

    Raises:
        FileFormatError: there are none, they are not finished, or they join other networks.
    """
    if not (folder / "result.json").exists():
        raise FileFormatError(f"{folder} holds no finished bridges: train them (again)")
    run = BridgeRunConfig.read(folder / "config.json")
    ends: dict[Side, Transformer] = {"dense": _network(dense), "sparse": _network(sparse)}
    for side, model in ends.items():
        wanted = getattr(run, side)
        if model_fingerprint(model) != wanted:
            raise FileFormatError(
                f"{folder} was made for the {side} network {wanted}, came "
                f"{model_fingerprint(model)}: give the networks that the bridges were trained for"
            )
        if getattr(run.bridges, side) is not None:
            ends[side] = load_model(folder / f"{side}.safetensors")
    result = BridgeResult.read(folder / "result.json")
    bridges = load_bridges(folder / "bridges.safetensors", ends["dense"], ends["sparse"])
    return TrainedBridges(folder, run, result, bridges, ends["dense"], ends["sparse"])


def measured_losses(
    bridges: Bridges,
    dense: Transformer,
    sparse: Transformer,
    corpus: Corpus,
    config: BridgeConfig,
    split: Split = "valid",
    n_sequences: int = 128,
) -> SiteLosses:
    """Every loss on fixed held-out windows, mean over batches of 64."""
    draws = generator("bridge losses", split)
    length = min(dense.cfg.n_ctx, sparse.cfg.n_ctx)
    rows: list[BridgeLosses] = []
    with torch.no_grad():
        for _ in range(max(1, n_sequences // 64)):
            batch = corpus.batch(split, 64, length, draws)
            rows.append(bridge_losses(bridges, dense, sparse, batch, config.normalizer))
    means = {
        field: torch.stack([getattr(row, field) for row in rows]).mean(dim=0)
        for field in SiteLosses.model_fields
    }
    return _numbers(BridgeLosses(**means))


def _numbers(losses: BridgeLosses) -> SiteLosses:
    return SiteLosses(
        **{field: getattr(losses, field).tolist() for field in SiteLosses.model_fields}
    )


def _network(given: Transformer | TrainedRun) -> Transformer:
    return given.load() if isinstance(given, TrainedRun) else given
