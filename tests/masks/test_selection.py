"""Selection against a plain sort, with the tie rules written out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from netseams.core import SettingError
from netseams.masks import keep_largest_, largest_mask

finite = st.floats(-4.0, 4.0, width=32)
tied = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0**-140, -(2.0**-140)])
vectors = st.lists(finite | tied, min_size=1, max_size=40)
dtypes = st.sampled_from([torch.float32, torch.float64])


@st.composite
def vectors_and_counts(draw: st.DrawFn) -> tuple[list[float], int]:
    values = draw(vectors)
    return values, draw(st.integers(0, len(values)))


def first_largest(values: list[float], k: int) -> list[bool]:
    order = sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))
    kept = set(order[:k])
    return [i in kept for i in range(len(values))]


@given(vectors_and_counts(), dtypes)
def test_largest_mask_is_that_of_a_stable_sort(
    case: tuple[list[float], int], dtype: torch.dtype
) -> None:
    values, k = case
    mask = largest_mask(torch.tensor(values, dtype=dtype), k)
    assert mask.tolist() == first_largest(values, k)
    assert int(mask.sum()) == k


@given(vectors_and_counts(), dtypes)
def test_keep_largest_zeroes_the_rest_in_place(
    case: tuple[list[float], int], dtype: torch.dtype
) -> None:
    values, k = case
    x = torch.tensor(values, dtype=dtype)
    expected = [
        v if kept else 0.0 for v, kept in zip(values, first_largest(values, k), strict=True)
    ]
    keep_largest_(x, k)
    assert x.tolist() == expected


def test_ties_go_to_the_first_in_memory_order() -> None:
    values = torch.tensor([[1.0, -2.0, 2.0], [2.0, -1.0, -2.0]])
    assert largest_mask(values, 2).tolist() == [[False, True, True], [False, False, False]]
    assert largest_mask(values, 5).tolist() == [[True, True, True], [True, False, True]]


def test_zeros_fill_up_the_count() -> None:
    values = torch.tensor([0.0, 3.0, 0.0, 0.0])
    assert largest_mask(values, 3).tolist() == [True, True, True, False]
    assert largest_mask(torch.zeros(4), 2).tolist() == [True, True, False, False]


def test_all_or_nothing() -> None:
    values = torch.tensor([0.0, -1.0])
    assert largest_mask(values, 0).tolist() == [False, False]
    assert largest_mask(values, 2).tolist() == [True, True]


def test_large_matrices_keep_an_exact_count() -> None:
    values = torch.randn(300, 400, generator=torch.Generator().manual_seed(0)).half().float()
    for k in (1, 6_000, 119_999):  # rounded to half precision, so that there are ties
        mask = largest_mask(values, k)
        assert int(mask.sum()) == k
        assert values[mask].abs().min() >= values[~mask].abs().max()


def strided(x: Tensor) -> Tensor:
    """The same values, laid out in memory in another order."""
    return x.mT.contiguous().mT


def test_layout_in_memory_does_not_matter() -> None:
    x = torch.randn(5, 6, 8, generator=torch.Generator().manual_seed(1)).round(decimals=1)
    assert torch.equal(largest_mask(strided(x), 50), largest_mask(x, 50))
    y, z = x.clone(), strided(x)
    keep_largest_(y, 50)
    keep_largest_(z, 50)
    assert torch.equal(y, z)


@pytest.mark.parametrize("k", [-1, 7])
def test_impossible_counts_are_refused(k: int) -> None:
    with pytest.raises(SettingError, match=f"cannot keep {k} of 6 entries"):
        largest_mask(torch.ones(2, 3), k)
    with pytest.raises(SettingError, match=f"cannot keep {k} of 6 entries"):
        keep_largest_(torch.ones(2, 3), k)
