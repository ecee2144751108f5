"""The loop. Arms differ only in what is attached to the optimizer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from netseams.core import DivergedError, generator
from netseams.corpora import Batch, Corpus
from netseams.corpora.base import IGNORED, Split
from netseams.models import Transformer
from netseams.training.arms import Pruned, RandomSupport, WeightSparse
from netseams.training.config import RunConfig, TrainConfig
from netseams.training.projection import LargestWeights, Projection
from netseams.training.schedules import density_at, lr_at
from netseams.training.supports import DrawnSupport, PrunedSupport


@dataclass(frozen=True)
class Step:
    """What one step reports."""

    step: int
    loss: float
    lr: float
    density: float


class Trainer:
    """Model, optimizer and projection of one run, with a state that can be saved."""

    def __init__(self, config: RunConfig, corpus: Corpus) -> None:
        self.config = config
        self.corpus = corpus
        self.model = Transformer(config.model, config.seed)
        self.optimizer = _optimizer(self.model, config.train)
        self.projection = projection_for(self.model, config)
        if self.projection is not None:
            self.projection.attach(self.optimizer)
        if config.train.decay == "after_projection":
            _decay_after_step(self.optimizer, config.train.weight_decay)
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
            loss = next_token_loss(self.model, batch)
            value = loss.item()
            if not math.isfinite(value):
                raise DivergedError(
                    f"loss became {value} at step {self.step} (seed {self.config.seed}): "
                    "lower train.lr"
                )
            loss.backward()
            limit_gradient(self.model, cfg)
            lr, density = lr_at(self.step, cfg), density_at(self.step, cfg)
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            if self.projection is not None:
                self.projection.progress = (self.step + 1) / cfg.steps
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.step += 1
            on_step(Step(self.step, value, lr, density))

    def state(self) -> dict[str, Tensor]:
        """Weights, moments and what the projection remembers, flat, for safetensors."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for i, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{slot}": value for slot, value in slots.items()}
        if self.projection is not None:
            tensors |= {f"projection.{k}": v for k, v in self.projection.state().items()}
        return tensors

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Continue from `state()` taken after `step` steps."""
        weights = {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}
        self.model.load_state_dict(weights)
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, i, slot = key.split(".")
                slots.setdefault(int(i), {})[slot] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        if self.projection is not None:
            kept = {k[11:]: v for k, v in tensors.items() if k.startswith("projection.")}
            self.projection.restore(kept)
        self.step = step


def next_token_loss(model: Transformer, batch: Batch) -> Tensor:
    """Mean cross-entropy over targets that count, in nats."""
    logits = model(batch.inputs)
    return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)


def validation_loss(
    model: Transformer, corpus: Corpus, split: Split, n_sequences: int = 512
) -> float:
    """Cross-entropy on fixed held-out windows, in nats a token."""
    draws = generator("validation", split)
    losses: list[float] = []
    with torch.no_grad():
        for _ in range(n_sequences // 64):
            batch = corpus.batch(split, 64, model.cfg.n_ctx, draws)
            losses.append(next_token_loss(model, batch).item())
    return math.fsum(losses) / len(losses)


def limit_gradient(model: Transformer, config: TrainConfig) -> None:
    """Apply `config.gradient` over all parameters together."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    if config.gradient == "none":
        return
    norm = torch.nn.utils.get_total_norm(grads)
    if config.gradient == "clip_norm":
        scale = (1.0 / (norm + 1e-6)).clamp(max=1.0)
    else:
        rms = norm / math.sqrt(sum(g.numel() for g in grads))
        scale = 1.0 / (rms + 1e-5)
        if config.gradient == "clip_rms":
            scale = scale.clamp(max=1.0)
    for grad in grads:
        grad.mul_(scale)


def projection_for(model: Transformer, config: RunConfig) -> Projection | None:
    """What the run's arm does after every step; None for the dense one."""
    arm = config.train.sparsity
    if isinstance(arm, WeightSparse):
        return LargestWeights(model, arm)
    if isinstance(arm, Pruned):
        return PrunedSupport(model, arm)
    if isinstance(arm, RandomSupport):
        return DrawnSupport(model, arm, config.seed)
    return None


def _decay_after_step(optimizer: torch.optim.Optimizer, weight_decay: float) -> None:
    """w -= lr * weight_decay * w on the first group, after the hooks attached so far."""

    def decay(*_: object) -> None:
        group = optimizer.param_groups[0]
        with torch.no_grad():
            for parameter in group["params"]:
                parameter.mul_(1 - group["lr"] * weight_decay)

    optimizer.register_step_post_hook(decay)


def _optimizer(model: Transformer, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; matrices (its first group) decay, vectors and the bigram table do not."""
    named = list(model.named_parameters())
    decayed = [p for n, p in named if p.ndim >= 2 and not n.startswith("bigram")]
    rest = [p for n, p in named if p.ndim < 2 or n.startswith("bigram")]
    inside = config.weight_decay if config.decay == "adamw" else 0.0
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": inside},
            {"params": rest, "weight_decay": 0.0},
        ],
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )
