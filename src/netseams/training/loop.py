"""The loop. Arms differ only in what is attached to the optimizer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netseams.core import DivergedError, generator
from netseams.corpora import Batch, Corpus
from netseams.corpora.base import IGNORED, Split
from netseams.models import Transformer
from netseams.training.config import RunConfig, TrainConfig, WeightSparse
from netseams.training.projection import Projection
from netseams.training.schedules import density_at, lr_at


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
        self.optimizer = make_optimizer(self.model, config.train)
        self.projection: Projection | None = None
        if isinstance(config.train.sparsity, WeightSparse):
            self.projection = Projection(self.model, config.train.sparsity)
            self.projection.attach(self.optimizer)
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
            lr, density = update(self.model, self.optimizer, self.projection, self.step, cfg)
            self.step += 1
            on_step(Step(self.step, value, lr, density))

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, flat, for safetensors."""
        return learner_state(self.model, self.optimizer)

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Continue from `state()` taken after `step` steps."""
        restore_learner(self.model, self.optimizer, tensors)
        self.step = step


def update(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    projection: Projection | None,
    step: int,
    config: TrainConfig,
) -> tuple[float, float]:
    """Use the gradients that are there and clear them; the learning rate and density used."""
    limit_gradient(module, config)
    lr, density = lr_at(step, config), density_at(step, config)
    for group in optimizer.param_groups:
        group["lr"] = lr
    if projection is not None:
        projection.density = density
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return lr, density


def learner_state(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights and moments, flat, for safetensors."""
    tensors = {f"model.{k}": v for k, v in module.state_dict().items()}
    for i, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{slot}": value for slot, value in slots.items()}
    return tensors


def restore_learner(
    module: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Put back what `learner_state` took."""
    module.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, i, slot = key.split(".")
            slots.setdefault(int(i), {})[slot] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})


def next_token_loss(model: Transformer, batch: Batch) -> Tensor:
    """Mean cross-entropy over targets that count, in nats."""
    return token_loss(model(batch.inputs), batch)


def token_loss(logits: Tensor, batch: Batch) -> Tensor:
    """The same, from logits (B, T, V)."""
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


def limit_gradient(model: nn.Module, config: TrainConfig) -> None:
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


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; matrices decay, vectors and the bigram table do not."""
    named = list(model.named_parameters())
    decayed = [p for n, p in named if p.ndim >= 2 and not n.startswith("bigram")]
    rest = [p for n, p in named if p.ndim < 2 or n.startswith("bigram")]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ],
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )
