import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netseams.masks import hard_gate

SCORES = st.lists(
    st.floats(-30, 30, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-30),
    min_size=1, max_size=20,
)  # fmt: skip


@given(scores=SCORES, temperature=st.floats(0.05, 20))
def test_forward_is_a_step(scores: list[float], temperature: float) -> None:
    gate = hard_gate(torch.tensor(scores), temperature)
    assert gate.tolist() == [1.0 if score > 0 else 0.0 for score in scores]


@pytest.mark.parametrize("score", [0.0, -0.0, -1e-30, -5.0])
def test_scores_that_are_not_positive_are_closed(score: float) -> None:
    assert hard_gate(torch.tensor([score])).tolist() == [0.0]


@given(scores=SCORES, temperature=st.floats(0.2, 5), upstream=st.floats(-3, 3))
def test_backward_is_the_derivative_of_a_sigmoid(
    scores: list[float], temperature: float, upstream: float
) -> None:
    x = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    (hard_gate(x, temperature) * upstream).sum().backward()
    for score, gradient in zip(scores, x.grad.tolist(), strict=True):
        z = score / temperature
        slope = 1 / (temperature * (math.exp(z / 2) + math.exp(-z / 2)) ** 2)
        assert gradient == pytest.approx(upstream * slope, rel=1e-9, abs=1e-12)


def test_the_slope_is_a_quarter_at_zero() -> None:
    x = torch.zeros(1, requires_grad=True)
    hard_gate(x).sum().backward()
    assert float(x.grad) == 0.25


def test_default_temperature_is_one() -> None:
    x, y = (torch.tensor([0.7, -1.2], requires_grad=True) for _ in range(2))
    hard_gate(x).sum().backward()
    hard_gate(y, 1.0).sum().backward()
    assert torch.equal(x.grad, y.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_type_is_kept(dtype: torch.dtype) -> None:
    x = torch.tensor([-1.0, 2.0], dtype=dtype, requires_grad=True)
    gate = hard_gate(x)
    gate.sum().backward()
    assert gate.dtype == x.grad.dtype == dtype
