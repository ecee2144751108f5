"""How one flat vector of gates covers weights, output neurons or nodes of a module's matrices."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.models import WeightMatrix

Unit = Literal["weights", "neurons", "nodes"]
"""What one gate holds: a non-zero weight; all weights into one output channel of a matrix; or all
weights into and out of one channel, shared by the matrices that it joins."""


class Units:
    """Gates <-> masks of the matrices. Zero weights have no gate and are never kept.

    Args:
        weights: name -> the weight of every matrix.
    """

    def __init__(
        self, matrices: Sequence[WeightMatrix], weights: Mapping[str, Tensor], unit: Unit
    ) -> None:
        self.matrices = list(matrices)
        self.unit = unit
        self._weights = {m.name: weights[m.name].detach() for m in matrices}
        self.device = self._weights[matrices[0].name].device
        self._sizes = self._gate_counts()
        self.n_gates = sum(self._sizes.values())

    def _gate_counts(self) -> dict[str, int]:
        """Matrix, output channels of a matrix or name of channels -> its number of gates."""
        sizes: dict[str, int] = {}
        self._places: dict[str, Tensor] = {}
        for m in self.matrices:
            weight = self._weights[m.name]
            if self.unit == "weights":
                places = weight.flatten().nonzero().squeeze(1)
                sizes[m.name] = len(places)
                if len(places) < weight.numel():
                    self._places[m.name] = places
            elif self.unit == "neurons":
                sizes[m.name] = weight.shape[m.out_axis]
            else:
                for key, axis in ((m.target, m.out_axis), (m.source, m.in_axis)):
                    sizes[key] = weight.shape[axis]
        return sizes

    def masks(self, gates: Float[Tensor, " G"]) -> dict[str, Tensor]:
        """Matrix -> its mask, which broadcasts to the weight; differentiable."""
        parts = dict(zip(self._sizes, gates.split(list(self._sizes.values())), strict=True))
        return {m.name: self._mask(m, parts) for m in self.matrices}

    def _mask(self, m: WeightMatrix, parts: Mapping[str, Tensor]) -> Tensor:
        weight = self._weights[m.name]
        if self.unit == "weights":
            part, places = parts[m.name], self._places.get(m.name)
            if places is not None:
                part = part.new_zeros(weight.numel()).index_copy(0, places, part)
            return part.view(weight.shape)
        if self.unit == "neurons":
            return m.across(parts[m.name], m.out_axis, weight.ndim)
        rows = m.across(parts[m.target], m.out_axis, weight.ndim)
        return rows * m.across(parts[m.source], m.in_axis, weight.ndim)

    def kept(self, gates: Bool[Tensor, " G"]) -> dict[str, Bool[Tensor, "..."]]:
        """Matrix -> which of its non-zero weights are kept, in the shape of the weight."""
        masks = self.masks(gates.to(torch.float32))
        return {name: (mask > 0) & (self._weights[name] != 0) for name, mask in masks.items()}

    def removed(self, gates: Bool[Tensor, " G"]) -> dict[str, Bool[Tensor, "..."]]:
        """Matrix -> which non-zero weights are lost with the open gates.

        Of nodes these are all weights into or out of one, kept ones those between two.
        """
        rest = self.kept(~gates)
        return {name: ~mask & (self._weights[name] != 0) for name, mask in rest.items()}

    @property
    def magnitudes(self) -> dict[str, Tensor]:
        """Matrix -> |w|."""
        return {name: weight.abs() for name, weight in self._weights.items()}

    def totals(self, values: Mapping[str, Tensor]) -> Float[Tensor, " G"]:
        """Sum over the weights of every gate of `values`, given in the shapes of the weights."""
        gates = torch.ones(self.n_gates, device=self.device)
        gates.requires_grad_()
        masks = self.masks(gates)
        total = torch.stack([(masks[name] * values[name]).sum() for name in masks]).sum()
        (sums,) = torch.autograd.grad(total, [gates])  # at gates of one a slope is a plain sum
        return sums
