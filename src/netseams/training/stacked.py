"""Many small models in one pass: seeds and arms of equal shape, stacked on one axis.

Forwards and backwards run once for all; optimizer, projection and the limit on gradients are every
member's own, so each ends as it would alone, up to rounding. A GPU that one small model does not
fill gains by it; a CPU does not.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from netseams.core import DivergedError, SettingError, generator
from netseams.training.config import RunConfig
from netseams.training.loop import Step, Trainer
from netseams.training.loss import token_loss


def check_stackable(configs: Sequence[RunConfig]) -> None:
    """Confirm that runs can be trained in one stack: they differ in seed and arm alone.

    Raises:
        SettingError: another difference, or an arm that changes the loss or the gradient.
    """
    first = configs[0]
    for config in configs:
        alike = config.train.model_copy(update={"sparsity": first.train.sparsity})
        if (config.corpus, config.model, alike) != (first.corpus, first.model, first.train):
            raise SettingError("runs of one stack may differ in seed and train.sparsity alone")
    if first.model.activation_density is not None:
        raise SettingError("models with AbsTopK cannot be stacked: train them one by one")


class Stack:
    """Trainers that take their steps together.

    Args:
        trainers: of runs that `check_stackable` allows, on one device, at the same step.

    Raises:
        SettingError: they cannot be stacked.
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        check_stackable([trainer.config for trainer in trainers])
        if len({trainer.step for trainer in trainers}) > 1:
            raise SettingError("trainers of one stack must be at the same step")
        if any(t.lesson is not None or t.processes is not None for t in trainers):
            raise SettingError(
                "arms that change the loss or the gradient, and models split over processes, "
                "cannot be stacked: train them one by one"
            )
        self.trainers = list(trainers)
        self._names = [name for name, _ in trainers[0].model.named_parameters()]

    def run(self, on_step: Callable[[int, Step], None]) -> list[Trainer]:
        """Train from the current step to the last.

        Args:
            on_step: called with the member's number and what its step reports.

        Returns:
            Members whose loss became no number: they stop there, the others go on.
        """
        lost: list[Trainer] = []
        steps = self.trainers[0].config.train.steps
        while self.trainers and self.trainers[0].step < steps:
            losses = self._losses()
            finite = [math.isfinite(loss) for loss in losses.tolist()]
            torch.where(losses.isfinite(), losses, 0.0).sum().backward()
            for number, (trainer, value) in enumerate(
                zip(self.trainers, losses.tolist(), strict=True)
            ):
                if not finite[number]:
                    continue
                lr, density = trainer.learner.update(trainer.step)
                trainer.step += 1
                on_step(number, Step(trainer.step, value, lr, density))
            if not all(finite):
                if len(finite) == 1:
                    return [*lost, *self.trainers]
                lost += [t for t, ok in zip(self.trainers, finite, strict=True) if not ok]
                self.trainers = [t for t, ok in zip(self.trainers, finite, strict=True) if ok]
        return lost

    def _losses(self) -> Tensor:
        """The loss of every member on its own batch, in nats; (members,)."""
        first = self.trainers[0]
        cfg, n_ctx = first.config.train, first.config.model.n_ctx
        batches = [
            t.corpus.batch(
                "train", cfg.batch_size, n_ctx, generator(t.config.seed, "batch", t.step)
            )
            for t in self.trainers
        ]
        device = first.model.device
        inputs = torch.stack([batch.inputs for batch in batches]).to(device)
        weights = {
            name: torch.stack([t.model.get_parameter(name) for t in self.trainers])
            for name in self._names
        }
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels know no second batch axis
            logits = vmap(lambda w, x: functional_call(first.model, w, (x,)))(weights, inputs)
        return torch.stack([
            token_loss(member, batch) for member, batch in zip(logits, batches, strict=True)
        ])  # fmt: skip


def diverged(trainer: Trainer) -> DivergedError:
    """What is said of a member that `Stack.run` has given back."""
    return DivergedError(
        f"loss became no number at step {trainer.step} (seed {trainer.config.seed}): lower train.lr"
    )
