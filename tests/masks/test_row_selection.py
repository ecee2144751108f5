"""AbsTopK against a plain sort, on every path that it can take."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from netseams.core import SettingError
from netseams.masks import abs_topk, abs_topk_, row_selection

finite = st.floats(-4.0, 4.0, width=32)
tied = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0**-140, -(2.0**-140)])
dtypes = st.sampled_from([torch.float32, torch.float64])
# Entries handled together; 0: as where numpy cannot serve (a GPU, a graph for export).
blocks = st.sampled_from([0, 1, 10, 65_536])


@st.composite
def rows_and_counts(draw: st.DrawFn) -> tuple[list[list[float]], int]:
    width = draw(st.integers(1, 12))
    row = st.lists(finite | tied, min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=9)), draw(st.integers(1, width))


def reaching_kth(row: list[float], k: int) -> list[bool]:
    threshold = sorted((abs(v) for v in row), reverse=True)[k - 1]
    return [abs(v) >= threshold for v in row]


def take_path(patch: pytest.MonkeyPatch, block: int) -> None:
    if block:
        patch.setattr(row_selection, "_BLOCK", block)
    else:
        patch.setattr(row_selection, "_introselect_serves", lambda x: False)


@given(rows_and_counts(), dtypes, blocks)
def test_keeps_what_reaches_the_threshold_and_its_gradient(
    case: tuple[list[list[float]], int], dtype: torch.dtype, block: int
) -> None:
    rows, k = case
    x = torch.tensor(rows, dtype=dtype, requires_grad=True)
    mask = torch.tensor([reaching_kth(row, k) for row in rows])
    grad = torch.arange(1.0, x.numel() + 1, dtype=dtype).view_as(x)
    with pytest.MonkeyPatch.context() as patch:
        take_path(patch, block)
        y = abs_topk(x, k)
    y.backward(grad)
    assert torch.equal(x.detach(), torch.tensor(rows, dtype=dtype))
    assert torch.equal(y.detach(), x.detach() * mask)
    assert x.grad is not None
    assert torch.equal(x.grad, grad * mask)


@pytest.mark.parametrize("width", [128, 512, 1000])
def test_paths_agree_to_the_bit_at_real_sizes(width: int) -> None:
    draws = torch.Generator().manual_seed(width)
    x = torch.randn(300, width, generator=draws).half().float()  # rounded: there are ties
    x[::7] *= 2.0**-140  # denormal
    x[::11] = 0.0
    grad = torch.randn(x.shape, generator=draws)
    results: list[tuple[Tensor, Tensor]] = []
    for block in (65_536, 0):
        leaf = x.clone().requires_grad_()
        with pytest.MonkeyPatch.context() as patch:
            take_path(patch, block)
            y = abs_topk(leaf, width // 4)
        results.append((y.detach(), torch.autograd.grad(y, leaf, grad)[0]))
    (y, passed), (expected, expected_passed) = results
    assert torch.equal(y.view(torch.int32), expected.view(torch.int32))
    assert torch.equal(passed, expected_passed)


@pytest.mark.parametrize("block", [0, 65_536])
def test_in_place_behind_a_layer(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    take_path(monkeypatch, block)
    draws = torch.Generator().manual_seed(4)
    x, weight = torch.randn(2, 3, 6, generator=draws), torch.randn(8, 6, generator=draws)
    bias = torch.randn(8, generator=draws).requires_grad_()
    y = F.gelu(F.linear(x, weight, bias))
    kept = abs_topk_(y, 3)
    assert kept.data_ptr() == y.data_ptr()
    (grad,) = torch.autograd.grad(kept.square().sum(), bias)
    pure = abs_topk(F.gelu(F.linear(x, weight, bias)), 3)
    assert torch.equal(kept, pure)
    (expected,) = torch.autograd.grad(pure.square().sum(), bias)
    assert torch.equal(grad, expected)


def test_in_place_is_refused_where_the_value_is_needed_for_a_gradient() -> None:
    y = torch.ones(2, 4, requires_grad=True).exp()  # its gradient is its value
    kept = abs_topk_(y, 2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        kept.sum().backward()


def strided(x: Tensor) -> Tensor:
    """The same values, laid out in memory in another order."""
    return x.mT.contiguous().mT


def test_layout_in_memory_does_not_matter() -> None:
    x = torch.randn(5, 6, 8, generator=torch.Generator().manual_seed(1)).round(decimals=1)
    expected = abs_topk(x, 3)
    assert torch.equal(abs_topk(strided(x), 3), expected)
    assert torch.equal(abs_topk_(strided(x), 3), expected)


def test_gradient_may_be_strided_and_differentiated_again() -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(2)).requires_grad_()
    weight = strided(torch.randn(4, 6, generator=torch.Generator().manual_seed(3)))
    y = abs_topk(x, 2)
    (grad,) = torch.autograd.grad((y.square() * weight).sum(), x, create_graph=True)
    torch.testing.assert_close(grad, 2 * y * weight)
    (second,) = torch.autograd.grad(grad.sum(), x)
    torch.testing.assert_close(second, 2 * weight * (y != 0))


def test_rows_of_zeros_pass_their_whole_gradient() -> None:
    x = torch.tensor([[0.0, 0.0, 5.0], [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]], requires_grad=True)
    abs_topk(x, 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0]]


def test_a_whole_row_is_left_as_it_is() -> None:
    values = torch.tensor([0.0, -1.0])
    assert abs_topk(values, 2) is values
    assert abs_topk_(values, 2) is values


def test_no_rows() -> None:
    assert abs_topk(torch.empty(0, 4), 2).shape == (0, 4)


@pytest.mark.parametrize("k", [0, 4])
def test_impossible_numbers_of_activations_are_refused(k: int) -> None:
    with pytest.raises(SettingError, match=f"cannot keep {k} of 3 activations"):
        abs_topk(torch.ones(2, 3), k)
    with pytest.raises(SettingError, match=f"cannot keep {k} of 3 activations"):
        abs_topk_(torch.ones(2, 3), k)
