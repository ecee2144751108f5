"""The GPU's kernels in Triton's interpreter, against the selections of the CPU.

A process of its own: what Triton is to do is settled when it is first imported.
"""

import os

os.environ["TRITON_INTERPRET"] = "1"

import torch

from netseams.masks import Cut, abs_topk, keep_largest_of_each_, largest_mask, selection
from netseams.masks.selection import largest_mask_with_minimum
from netseams.masks.triton_matrices import keep_largest_of_each_ as kernels_keep_
from netseams.masks.triton_rows import KeepLargest


def matrices() -> list[torch.Tensor]:
    """Random ones, with ties over several programs, of zeros, denormal, of one entry."""
    draws = torch.Generator().manual_seed(0)
    small = torch.randint(-3, 4, (50, 40), generator=draws).float()
    return [
        torch.randn(50, 40, generator=draws),
        torch.randint(-3, 4, (300, 200), generator=draws).float(),
        torch.full((40_000,), -1.0),
        torch.zeros(7, 9),
        small * 2.0**-140,
        small / 0.0,  # infinite, and NaN: they count as the largest
        torch.ones(1),
    ]


def test_matrices() -> None:
    for share in (0.0, 0.001, 0.05, 0.3, 0.77, 1.0):
        given = matrices()
        kept = [round(share * x.numel()) for x in given]
        expected = [x.where(largest_mask(x, k), 0.0) for x, k in zip(given, kept, strict=True)]
        found = [x.clone() for x in given]
        kernels_keep_(found, kept, found)
        for ours, theirs in zip(found, expected, strict=True):
            assert torch.equal(ours.nan_to_num(7.0), theirs.nan_to_num(7.0)), (share, ours.shape)


def test_minimum() -> None:
    selection.triton_serves = lambda x: True
    for dim in (0, 1):
        given = matrices()[:2]
        masks = [largest_mask_with_minimum(x, x.numel() // 9, 3, dim) for x in given]
        found = [x.clone() for x in given]
        keep_largest_of_each_([Cut(x, x.numel() // 9, (3, dim)) for x in found])
        for ours, theirs, mask in zip(found, given, masks, strict=True):
            assert torch.equal(ours, theirs * mask)


def test_rows() -> None:
    draws = torch.Generator().manual_seed(1)
    for width, k in ((3, 2), (128, 32), (500, 7), (1100, 275)):
        x = torch.randn(37, width, generator=draws).half().float()  # rounded: there are ties
        x[::5], x[::7] = 0.0, x[::7] * 2.0**-140
        grad = torch.randn(x.shape, generator=draws)
        leaf = x.clone().requires_grad_()
        y = abs_topk(leaf, k)
        (passed,) = torch.autograd.grad(y, leaf, grad)
        for in_place in (False, True):
            leaf = x.clone().requires_grad_()
            z = KeepLargest.apply(leaf.clone(), k, in_place)
            assert torch.equal(z, y.detach())
            assert torch.equal(torch.autograd.grad(z, leaf, grad)[0], passed)


if __name__ == "__main__":
    test_matrices()
    test_minimum()
    test_rows()
