"""Relaxed masks against closed forms, counts and samples."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import SettingError
from netseams.masks import (
    ContinuousSparsification,
    HardConcrete,
    Relaxation,
    TopK,
    hard_concrete,
    hard_gate,
    mean_gate,
    open_probability,
    top_mask,
    topk_gate,
)

scores = st.lists(st.floats(-6, 6, width=32), min_size=1, max_size=30)
FAMILIES = [ContinuousSparsification(), HardConcrete(), TopK()]


@given(scores, st.floats(0, 1))
def test_continuous_sparsification_is_a_sharpened_sigmoid(values, progress):
    gates = ContinuousSparsification(final_beta=200).gates(
        torch.tensor(values, dtype=torch.float64), progress
    )
    for value, gate in zip(values, gates.tolist(), strict=True):
        z = 200**progress * value
        assert gate == pytest.approx(1 / (1 + math.exp(-min(z, 700))) if z > -700 else 0.0)


def test_beta_goes_from_one_to_its_last_value():
    family, s = ContinuousSparsification(final_beta=200), torch.tensor([0.01])
    for progress, beta in ((0.0, 1.0), (0.5, 200**0.5), (1.0, 200.0)):
        gate = family.gates(s, progress)
        assert float(gate.logit()) / 0.01 == pytest.approx(beta, rel=1e-4)


def by_hand(log_alpha: float, u: float) -> float:
    """Equations 10 and 11 of arXiv 1712.01312 with its constants, in plain Python."""
    s = 1 / (1 + math.exp(-((math.log(u) - math.log(1 - u) + log_alpha) / (2 / 3))))
    return min(1.0, max(0.0, s * 1.2 - 0.1))


@given(st.floats(-6, 6), st.floats(0.001, 0.999))
def test_hard_concrete_is_the_papers(log_alpha, u):
    x = torch.tensor([log_alpha], dtype=torch.float64)
    gate = hard_concrete(x, torch.tensor([u], dtype=torch.float64))
    assert float(gate) == pytest.approx(by_hand(log_alpha, u), abs=1e-9)


@pytest.mark.parametrize("log_alpha", [-3.0, -1.0, 0.0, 0.7, 2.5])
def test_expected_size_is_how_often_samples_are_open(log_alpha):
    n = 200_000
    draws = torch.Generator().manual_seed(0)
    x = torch.full((n,), log_alpha)
    share = float((hard_concrete(x, torch.rand(n, generator=draws)) > 0).float().mean())
    expected = float(open_probability(x[:1]))
    assert share == pytest.approx(expected, abs=4 * math.sqrt(0.25 / n))
    size = HardConcrete().size(x, x)
    assert float(size) == pytest.approx(expected, rel=1e-4)


def test_gates_without_noise_are_hard_at_the_ends_and_half_at_zero():
    assert mean_gate(torch.tensor([-20.0, 0.0, 20.0])).tolist() == [0.0, 0.5, 1.0]
    kept = HardConcrete().kept(torch.tensor([-0.1, 0.1]), 1.0)
    assert kept.tolist() == [False, True]


def test_noise_at_the_edges_stays_finite():
    x = torch.zeros(2, requires_grad=True)
    hard_concrete(x, torch.tensor([0.0, 1.0])).sum().backward()
    assert bool(torch.isfinite(x.grad).all())


@pytest.mark.parametrize("family", FAMILIES[:2], ids=lambda family: family.kind)
def test_families_run_where_their_scores_are(family: Relaxation):
    """On the meta device everything that is left on another device fails."""
    s = torch.empty(5, device="meta", requires_grad=True)
    gates = family.gates(s, 0.5, torch.Generator().manual_seed(0))
    assert gates.device.type == family.size(s, gates).device.type == "meta"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.kind)
@given(values=scores, progress=st.floats(0, 1))
def test_gates_and_sizes_are_shares(family: Relaxation, values, progress):
    s = torch.tensor(values)
    for draws in (None, torch.Generator().manual_seed(1)):
        gates = family.gates(s, progress, draws)
        assert gates.shape == s.shape
        assert bool(((gates >= 0) & (gates <= 1)).all())
        assert 0 <= float(family.size(s, gates)) <= 1


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.kind)
def test_a_new_mask_is_not_empty(family: Relaxation):
    assert int(family.kept(family.start(10), 0.0).sum()) == 10


@given(values=scores, share=st.floats(0, 1))
def test_top_mask_is_that_of_a_stable_sort(values, share):
    k = round(share * len(values))
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))
    wanted = [i in order[:k] for i in range(len(values))]
    for dtype in (torch.float32, torch.float64):  # introselect and torch's own
        assert top_mask(torch.tensor(values, dtype=dtype), k).tolist() == wanted


def test_minus_zero_ties_with_zero():
    assert top_mask(torch.tensor([-0.0, 0.0]), 1).tolist() == [True, False]


@given(values=scores, share=st.floats(0, 1), temperature=st.floats(0.2, 3))
def test_topk_gate_is_a_hard_gate_around_the_kth_score(values, share, temperature):
    s = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    k = max(1, round(share * len(values)))
    gate = topk_gate(s, k, temperature)
    assert int(gate.detach().sum()) == k
    gate.sum().backward()
    centred = torch.tensor(values, dtype=torch.float64) - sorted(values, reverse=True)[k - 1]
    centred.requires_grad_()
    hard_gate(centred, temperature).sum().backward()
    assert torch.allclose(s.grad, centred.grad)


def test_topk_follows_its_schedule():
    family, s = TopK(density=0.01), torch.randn(1000, generator=torch.Generator().manual_seed(2))
    counts = [int(family.gates(s, p).sum()) for p in (0.0, 0.5, 1.0)]
    assert counts == [1000, 100, 10]


def test_impossible_counts_are_refused():
    with pytest.raises(SettingError, match="cannot keep 3 of 2"):
        topk_gate(torch.zeros(2), 3, 1.0)
