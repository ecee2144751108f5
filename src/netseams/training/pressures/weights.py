"""Prices on where weights are: between groups of channels, or far from the diagonal."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.core import SettingError
from netseams.corpora import Batch
from netseams.models import Transformer
from netseams.training.arms import Clustered, Local
from netseams.training.pressures.base import Pressure


class ClusteredPressure(Pressure[Clustered]):
    """Task loss + price * mean over block matrices of the share of squares between groups.

    Raises:
        SettingError: heads, neurons or channels cannot be cut into so many equal groups.
    """

    def __init__(self, model: Transformer, arm: Clustered, seed: int) -> None:
        super().__init__(model, arm, seed)
        cfg = model.cfg
        for name, n in (("heads", cfg.n_heads), ("neurons", cfg.d_mlp), ("channels", cfg.d_read)):
            if n % arm.groups:
                raise SettingError(
                    f"{n} {name} cannot be cut into {arm.groups} equal groups: choose a number "
                    "that divides heads, neurons and channels of the stream"
                )
        self._between = {
            name: between(matrix.shape[0], matrix.shape[1], arm.groups).to(matrix.device)
            for name, matrix in self.block_matrices()
        }

    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        shares: list[Tensor] = []
        for name, matrix in self.block_matrices():
            squares = matrix.square()
            shares.append((squares * self._between[name]).sum() / (squares.sum() + 1e-12))
        return self.task_loss(batch) + self.arm.price * torch.stack(shares).mean()


class LocalPressure(Pressure[Local]):
    """Task loss + price * mean over all weights of the blocks of |w_ij| |i / n - j / m|, by the
    middles of channels."""

    def __init__(self, model: Transformer, arm: Local, seed: int) -> None:
        super().__init__(model, arm, seed)
        self._far = {
            name: distances(matrix.shape[0], matrix.shape[1]).to(matrix.device)
            for name, matrix in self.block_matrices()
        }

    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        matrices = dict(self.block_matrices())
        sums = [(matrix.abs() * self._far[name]).sum() for name, matrix in matrices.items()]
        n = sum(matrix.numel() for matrix in matrices.values())
        return self.task_loss(batch) + self.arm.price * torch.stack(sums).sum() / n


def between(rows: int, columns: int, groups: int) -> Bool[Tensor, "rows columns"]:
    """Which entries join channels of two different groups."""
    target, source = (torch.arange(n) * groups // n for n in (rows, columns))
    return target.unsqueeze(1) != source


def distances(rows: int, columns: int) -> Float[Tensor, "rows columns"]:
    """How far apart the channels are that an entry joins, on lines of length 1."""
    target, source = ((torch.arange(n) + 0.5) / n for n in (rows, columns))
    return (target.unsqueeze(1) - source).abs()
