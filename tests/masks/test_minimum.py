"""Selection with a least number a channel, against a reference that sorts plainly."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import SettingError
from netseams.masks import largest_mask, largest_mask_with_minimum

values = st.floats(-4.0, 4.0, width=32) | st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0])


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[float]], int, int, int]:
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    matrix = draw(
        st.lists(st.lists(values, min_size=columns, max_size=columns), min_size=rows, max_size=rows)
    )
    dim = draw(st.integers(0, 1))
    n, fan = (rows, columns) if dim == 1 else (columns, rows)
    minimum = draw(st.integers(0, fan))
    return matrix, draw(st.integers(minimum * n, n * fan)), minimum, dim


def reference(matrix: list[list[float]], k: int, minimum: int, dim: int) -> list[list[bool]]:
    """Mark every channel's largest, then fill up from all others by size, first place first."""
    size = {(r, c): abs(v) for r, row in enumerate(matrix) for c, v in enumerate(row)}
    kept: set[tuple[int, int]] = set()
    for channel in {place[1 - dim] for place in size}:
        own = sorted((p for p in size if p[1 - dim] == channel), key=lambda p: (-size[p], p))
        kept |= set(own[:minimum])
    others = sorted((p for p in size if p not in kept), key=lambda p: (-size[p], p))
    kept |= set(others[: k - len(kept)])
    return [[(r, c) in kept for c in range(len(row))] for r, row in enumerate(matrix)]


@given(cases(), st.sampled_from([torch.float32, torch.float64]))
def test_the_mask_is_that_of_the_reference(case, dtype) -> None:
    matrix, k, minimum, dim = case
    x = torch.tensor(matrix, dtype=dtype)
    mask = largest_mask_with_minimum(x, k, minimum, dim)
    assert mask.tolist() == reference(matrix, k, minimum, dim)
    assert int(mask.sum()) == k
    assert int(mask.sum(dim).min()) >= minimum
    assert torch.equal(x, torch.tensor(matrix, dtype=dtype))  # untouched


def test_without_a_minimum_it_is_the_plain_mask() -> None:
    x = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(largest_mask_with_minimum(x, 100, 0, 1), largest_mask(x, 100))


def test_a_weak_channel_displaces_the_smallest_of_a_strong_one() -> None:
    x = torch.tensor([[9.0, 8.0, 7.0], [0.1, 0.3, 0.2]])
    assert largest_mask_with_minimum(x, 3, 1, 1).tolist() == [
        [True, True, False],
        [False, True, False],
    ]
    assert largest_mask_with_minimum(x, 3, 1, 0).tolist() == [[True] * 3, [False] * 3]


@pytest.mark.parametrize(("k", "minimum", "dim"), [(7, 2, 1), (5, 3, 0), (12, 4, 1)])
def test_too_few_places_are_refused_with_the_arithmetic(k, minimum, dim) -> None:
    with pytest.raises(SettingError, match=rf"which do not fit into {k} kept"):
        largest_mask_with_minimum(torch.ones(4, 3), k, minimum, dim)
