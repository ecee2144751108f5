"""Scale and shift of a circuit's candidate logits.

A hard mask changes the size of what reaches the logits, so its probabilities may be off where its
ranking is right. arXiv 2511.13653, A.5, fits a scale and a shift of the final logits after
discretising. Whether they belong to the explanation is doubtful, the authors say so too: a
calibrated circuit states that it is one, and every question can be asked without.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import Config, SettingError

STEPS = 16
"""L-BFGS iterations (arXiv 2511.13653, A.5)."""


class Calibration(Config):
    """logits * scale + shift, over the candidates of the circuit's task.

    One shift a candidate: a shift that all share would cancel in the softmax.
    """

    scale: float
    shift: tuple[float, ...]
    """In the order of the task's candidates, in nats; their mean is zero."""

    def apply(self, logits: Float[Tensor, "*rows C"]) -> Float[Tensor, "*rows C"]:
        """The calibrated logits.

        Raises:
            SettingError: another number of candidates.
        """
        self._check(logits.shape[-1])
        return logits * self.scale + logits.new_tensor(self.shift)

    def apply_to_all(
        self, logits: Float[Tensor, "*rows V"], candidates: Int[Tensor, " C"]
    ) -> Float[Tensor, "*rows V"]:
        """The same over a whole vocabulary: every logit is scaled, those of candidates are shifted.

        Over the candidates this is `apply`. Nothing was fitted to other tokens: they share the
        scale, so that their order stays, and their probabilities are not vouched for.

        Args:
            candidates: token ids of the circuit's task.

        Raises:
            SettingError: another number of candidates.
        """
        return logits * self.scale + self.shifts(candidates, logits)

    def shifts(
        self, candidates: Int[Tensor, " C"], like: Float[Tensor, "*rows V"]
    ) -> Float[Tensor, " V"]:
        """The shift of every token: 0 beside the candidates."""
        self._check(len(candidates))
        shift = like.new_zeros(like.shape[-1])
        return shift.index_copy(0, candidates.to(like.device), like.new_tensor(self.shift))

    def _check(self, n: int) -> None:
        if n != len(self.shift):
            raise SettingError(
                f"this calibration is for {len(self.shift)} candidates, not {n}: "
                "ask the circuit about its own task"
            )


def fit_calibration(logits: Float[Tensor, "*rows C"], targets: Int[Tensor, "*rows"]) -> Calibration:
    """Scale and shift of least cross-entropy, by 16 L-BFGS steps from 1 and 0.

    Where all answers are right the best scale has no bound; the number of steps then bounds it.
    The result is never worse on these logits than leaving them alone.

    Args:
        logits: of the mask_train split, which no score is reported on.
        targets: right candidates.
    """
    x, y = logits.detach().double().flatten(0, -2), targets.flatten()
    n = x.shape[-1]
    values = torch.cat([x.new_ones(1), x.new_zeros(n)]).requires_grad_()
    optimizer = torch.optim.LBFGS([values], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        return F.cross_entropy(x * values[0] + values[1:], y)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    with torch.enable_grad():
        before = float(loss().detach())
        optimizer.step(closure)
        after = float(loss().detach())
    found = values.detach()
    if not (math.isfinite(after) and after <= before):
        return Calibration(scale=1.0, shift=(0.0,) * n)
    return Calibration(scale=float(found[0]), shift=tuple((found[1:] - found[1:].mean()).tolist()))
