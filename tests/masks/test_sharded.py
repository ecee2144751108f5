"""Selection over pieces against a plain sort of the whole, with processes played by threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from netseams.core import SettingError
from netseams.masks import largest_mask
from netseams.masks.sharded import Piece, largest_masks

MAGNITUDES = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0**-140, -(2.0**-140), float("inf")]
finite = st.floats(-4.0, 4.0, width=32)
entries = finite | st.sampled_from(MAGNITUDES)


class Round:
    """A table at which `size` threads put down what they have and read what the others have."""

    def __init__(self, size: int) -> None:
        self.size, self.table, self.collectives = size, [None] * size, 0
        self.barrier = threading.Barrier(size, timeout=10)


class Thread:
    """One of them, as `Peers`."""

    def __init__(self, table: Round, rank: int) -> None:
        self.shared, self.rank, self.size = table, rank, table.size

    def gathered(self, part: Tensor) -> Tensor:
        self.shared.table[self.rank] = part.clone()
        self.shared.barrier.wait()
        whole = torch.stack(self.shared.table)
        self.shared.collectives += self.rank == 0
        self.shared.barrier.wait()
        return whole

    def total(self, counts: Tensor) -> Tensor:
        return self.gathered(counts).sum(0)


def select(matrices, cuts, wants):
    """Cut every matrix before the given rows; the masks put together, and the collectives."""
    size = len(cuts[0]) + 1
    table = Round(size)

    def work(rank):
        pieces = []
        for matrix, cut, (k, minimum, left) in zip(matrices, cuts, wants, strict=True):
            edges = [0, *cut, len(matrix)]
            here = slice(edges[rank], edges[rank + 1])
            some = None if left is None else left[here]
            piece = Piece(matrix[here].clone(), edges[rank], matrix.numel(), k, minimum, some)
            pieces.append(piece)
        try:
            return largest_masks(pieces, Thread(table, rank))
        except Exception:
            table.barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        parts = list(pool.map(work, range(size)))
    return [torch.cat(masks) for masks in zip(*parts, strict=True)], table.collectives


def by_sorting(matrix, k, minimum=None, left=None):
    """What is left only; forced entries first, then by magnitude, then by place."""
    values = matrix.abs()
    forced = torch.zeros(matrix.shape, dtype=torch.bool)
    if minimum is not None:
        j, dim = minimum
        for n in range(matrix.shape[1 - dim]):
            line = values.select(1 - dim, n).tolist()
            for i in sorted(range(len(line)), key=lambda i: (-line[i], i))[:j]:
                forced[(n, i) if dim == 1 else (i, n)] = True
    flat, first = values.flatten().tolist(), forced.flatten().tolist()
    some = range(len(flat)) if left is None else left.flatten().nonzero().squeeze(1).tolist()
    order = sorted(some, key=lambda i: (not first[i], -flat[i], i))
    mask = torch.zeros(len(flat), dtype=torch.bool)
    mask[order[:k]] = True
    return mask.view(matrix.shape)


@st.composite
def cut_matrices(draw):
    """A few matrices and vectors in pieces, empty ones among them, with a number to keep."""
    size = draw(st.integers(1, 4))
    matrices, cuts, wants = [], [], []
    for _ in range(draw(st.integers(1, 3))):
        rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 4))
        values = draw(st.lists(entries, min_size=rows * columns, max_size=rows * columns))
        matrix = torch.tensor(values).view(rows, columns)
        cut = st.lists(st.integers(0, rows), min_size=size - 1, max_size=size - 1)
        cuts.append(sorted(draw(cut)))
        kind = draw(st.sampled_from(["matrix", "rows", "columns", "vector", "left"]))
        least, minimum, left = 0, None, None
        if kind == "vector":
            matrix = matrix.flatten()
        elif kind == "left":
            flags = st.lists(st.booleans(), min_size=matrix.numel(), max_size=matrix.numel())
            left = torch.tensor(draw(flags)).view(matrix.shape)
        elif kind != "matrix":
            dim = 1 if kind == "rows" else 0
            j = draw(st.integers(1, matrix.shape[dim]))
            least, minimum = j * matrix.shape[1 - dim], (j, dim)
        wants.append((draw(st.integers(least, matrix.numel())), minimum, left))
        matrices.append(matrix)
    return matrices, cuts, wants


@given(cut_matrices())
def test_pieces_give_the_mask_of_the_whole(case):
    matrices, cuts, wants = case
    masks, collectives = select(matrices, cuts, wants)
    for matrix, mask, (k, minimum, left) in zip(matrices, masks, wants, strict=True):
        assert torch.equal(mask, by_sorting(matrix, k, minimum, left))
        assert int(mask.sum()) == (k if left is None else min(k, int(left.sum())))
    columns = any(minimum is not None and minimum[1] == 0 for _, minimum, _ in wants)
    assert collectives == 3 + columns


def test_ties_go_to_the_lower_process_first():
    matrix = torch.tensor([[1.0, -2.0], [2.0, -2.0], [2.0, 3.0], [-2.0, 2.0]])
    (mask,), _ = select([matrix], [[1, 1, 3]], [(4, None, None)])  # rows 0 | none | 1, 2 | 3
    assert mask.tolist() == [[False, True], [True, True], [False, True], [False, False]]


def test_large_matrices_of_many_magnitudes():
    draws = torch.Generator().manual_seed(0)
    wide = torch.randn(90, 70, generator=draws) * 10.0 ** torch.randint(-9, 9, (90, 70))
    rounded = torch.randn(64, 50, generator=draws).half().float()  # so that there are ties
    for k in (1, 700, 3199):
        masks, _ = select([wide, rounded], [[31, 31], [22, 44]], [(k, None, None)] * 2)
        assert torch.equal(masks[0], largest_mask(wide, k))
        assert torch.equal(masks[1], largest_mask(rounded, k))


def test_impossible_counts_are_refused_before_anything_is_sent():
    with pytest.raises(SettingError, match="cannot keep 7 of 6 entries"):
        select([torch.ones(3, 2)], [[1]], [(7, None, None)])
