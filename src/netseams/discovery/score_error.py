"""How far are estimated scores of links from exact ones?"""

import math

from jaxtyping import Float
from torch import Tensor

from netseams.core import Config, SettingError


class ScoreError(Config):
    """Estimated against exact scores of the same links. A correlation is None where one side is
    constant."""

    pearson: float | None
    spearman: float | None
    """Of the ranks; equal scores share the mean of their ranks."""
    relative: float
    """Sum of |estimate - exact| over the sum of |exact|: 0 exact, 1 no better than all zero."""
    top: int
    shared: float
    """Share of the `top` links of largest exact magnitude that are also among the estimate's."""


def score_error(
    exact: Float[Tensor, " links"], estimate: Float[Tensor, " others"], top: int | None = None
) -> ScoreError:
    """Compare `scores_` of `ActivationPatching` with those of a method that estimates them.

    Args:
        top: how many of the largest to compare; None takes a tenth of all, at least one.

    Raises:
        SettingError: the two are of different lengths, or `top` exceeds them.
    """
    if exact.shape != estimate.shape:
        raise SettingError(
            f"scores of {len(exact)} and of {len(estimate)} links cannot be compared"
        )
    top = max(1, len(exact) // 10) if top is None else top
    if not 1 <= top <= len(exact):
        raise SettingError(f"cannot compare the largest {top} of {len(exact)} scores")
    x, y = exact.double().cpu(), estimate.double().cpu()
    first, other = (set(s.abs().topk(top).indices.tolist()) for s in (x, y))
    scale = float(x.abs().sum())
    return ScoreError(
        pearson=_correlation(x, y),
        spearman=_correlation(_ranks(x), _ranks(y)),
        relative=float((y - x).abs().sum()) / scale if scale else math.inf,
        top=top,
        shared=len(first & other) / top,
    )


def _correlation(x: Tensor, y: Tensor) -> float | None:
    x, y = x - x.mean(), y - y.mean()
    scale = float(x.norm() * y.norm())
    return float(x @ y) / scale if scale else None


def _ranks(x: Tensor) -> Tensor:
    _, place, count = x.unique(return_inverse=True, return_counts=True)
    last = count.cumsum(0).double()
    return (last - (count.double() - 1) / 2)[place]
