"""Something that learns: a module, its optimizer, and what its arm does after every step."""

import math

import torch
from torch import Tensor, nn

from netseams.models import Transformer
from netseams.training.arms import PartlySparse, Pruned, RandomSupport, Sparsity, WeightSparse
from netseams.training.config import TrainConfig
from netseams.training.distributed import Processes, local
from netseams.training.halves import SparseHalf
from netseams.training.projection import LargestWeights, Projection
from netseams.training.schedules import density_at, lr_at
from netseams.training.supports import DrawnSupport, PrunedSupport


class Learner:
    """Takes one step from the gradients that are there; its state can be saved.

    With `processes` the module is split over them, and all call the same methods.
    """

    def __init__(
        self, module: nn.Module, config: TrainConfig, seed: int, processes: Processes | None = None
    ) -> None:
        self.module, self.config, self.processes = module, config, processes
        self.optimizer = _optimizer(module, config)
        self.projection: Projection | None = None
        if isinstance(module, Transformer):
            self.projection = projection_for(module, config.sparsity, seed)
        if self.projection is not None:
            self.projection.attach(self.optimizer)
        if config.decay == "after_projection":
            _decay_after_step(self.optimizer, config.weight_decay)

    def update(self, step: int) -> tuple[float, float]:
        """Use the gradients and clear them; the learning rate and density of `step`."""
        if self.projection is not None:
            self.projection.cut_gradients()
        limit_gradient(self.module, self.config, self.processes)
        lr, density = lr_at(step, self.config), density_at(step, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        if self.projection is not None:
            self.projection.progress = (step + 1) / self.config.steps
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return lr, density

    def state(self) -> dict[str, Tensor]:
        """Weights, moments and what the projection remembers, flat, for safetensors.

        Whole tensors, whatever the number of processes; they are with the first of them.
        """
        tensors = {f"model.{k}": v for k, v in self.module.state_dict().items()}
        for i, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{slot}": value for slot, value in slots.items()}
        if self.projection is not None:
            tensors |= {f"projection.{k}": v for k, v in self.projection.state().items()}
        return tensors if self.processes is None else self.processes.gather(tensors)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `state()` gave, on any number of processes."""
        if self.processes is not None:
            tensors = {key: self.processes.cut(tensor) for key, tensor in tensors.items()}
        self.module.load_state_dict(below("model", tensors))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in below("optimizer", tensors).items():
            i, slot = key.split(".")
            slots.setdefault(int(i), {})[slot] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        if self.projection is not None:
            self.projection.restore(below("projection", tensors))


def below(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose key starts with `name.`, without it."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def limit_gradient(
    module: nn.Module, config: TrainConfig, processes: Processes | None = None
) -> None:
    """Apply `config.gradient` over all parameters together."""
    grads = [p.grad for p in module.parameters() if p.grad is not None]
    if config.gradient == "none":
        return
    norm = torch.nn.utils.get_total_norm(grads) if processes is None else processes.norm(grads)
    if config.gradient == "clip_norm":
        scale = (1.0 / (norm + 1e-6)).clamp(max=1.0)
    else:
        rms = norm / math.sqrt(sum(g.numel() for g in grads))
        scale = 1.0 / (rms + 1e-5)
        if config.gradient == "clip_rms":
            scale = scale.clamp(max=1.0)
    for grad in grads:
        local(grad).mul_(scale)


def projection_for(model: Transformer, arm: Sparsity, seed: int) -> Projection | None:
    """What the arm does after every step; None for the dense one."""
    if isinstance(arm, PartlySparse):
        return SparseHalf(model, arm)
    if isinstance(arm, WeightSparse):
        return LargestWeights(model, arm)
    if isinstance(arm, Pruned):
        return PrunedSupport(model, arm)
    if isinstance(arm, RandomSupport):
        return DrawnSupport(model, arm, seed)
    return None


def _decay_after_step(optimizer: torch.optim.Optimizer, weight_decay: float) -> None:
    """w -= lr * weight_decay * w on the first group, after the hooks attached so far."""

    def decay(*_: object) -> None:
        group = optimizer.param_groups[0]
        with torch.no_grad():
            for parameter in group["params"]:
                parameter.mul_(1 - group["lr"] * weight_decay)

    optimizer.register_step_post_hook(decay)


def _optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; matrices (its first group) decay, vectors and the bigram table do not."""
    named = list(module.named_parameters())
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
