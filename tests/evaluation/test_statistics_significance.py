"""Exact tests, equivalence, families of tests."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test, t, ttest_1samp

from netseams.core import SettingError
from netseams.evaluation import equivalence_test, holm, sign_flip_test

SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
"""Hours of sleep by one drug over another, ten patients (Student 1908)."""


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=8))
def test_sign_flips_by_brute_force(values: list[int]) -> None:
    """Every pattern of signs, in whole numbers, so that ties are ties."""
    found = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True))) >= abs(sum(values))
        for signs in itertools.product((-1, 1), repeat=len(values))
    ]
    assert sign_flip_test([v / 10 for v in values]) == pytest.approx(sum(found) / len(found))


@pytest.mark.parametrize(("n", "least"), [(3, 0.25), (5, 0.0625), (8, 0.0078125)])
def test_what_so_many_seeds_can_show_at_best(n: int, least: float) -> None:
    assert sign_flip_test([0.1 + 0.01 * i for i in range(n)]) == least


@pytest.mark.parametrize("bad", [[], [1.0] * 41, [1.0, math.nan]])
def test_sign_flips_of_what_cannot_be_flipped(bad: list[float]) -> None:
    with pytest.raises(SettingError, match="1 to 40 finite differences"):
        sign_flip_test(bad)


@pytest.mark.parametrize("n", [21, 40])
def test_more_seeds_than_patterns_that_fit_in_memory(n: int) -> None:
    """With equal sizes the sum is a binomial count, whose tail is known."""
    up = n - 6
    tail = sum(math.comb(n, k) for k in range(up, n + 1)) / 2**n
    assert sign_flip_test([0.3] * up + [-0.3] * 6) == pytest.approx(2 * tail, rel=1e-12)


def test_a_published_p_of_sign_flips() -> None:
    """Student's sleep data: nine of ten differ in one sign, one is 0, so 4 of 1024 patterns."""
    assert sign_flip_test(SLEEP) == 4 / 1024


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=9, unique=True),
       st.sampled_from([0.25, 1.0, 2.5]))  # fmt: skip
def test_equivalence_as_scipy_has_it(values: list[float], margin: float) -> None:
    """Both one-sided tests of both forms, each by its own function of scipy."""
    if np.std(values) < 1e-6:
        return
    found = equivalence_test(values, margin)
    lower = ttest_1samp(values, -margin, alternative="greater").pvalue
    upper = ttest_1samp(values, margin, alternative="less").pvalue
    assert found.p_t == pytest.approx(max(lower, upper), rel=1e-9, abs=1e-15)
    flips = [
        permutation_test(
            (np.array(values) + shift,), np.mean, permutation_type="samples", alternative=side,
            n_resamples=np.inf,
        ).pvalue
        for shift, side in ((margin, "greater"), (-margin, "less"))
    ]  # fmt: skip
    assert found.p_exact == pytest.approx(max(flips))
    assert found.p == max(found.p_t, found.p_exact)
    assert (found.margin, found.n_seeds) == (margin, len(values))


@pytest.mark.parametrize("margin", [0.5, 1.0, 2.0, 2.5, 3.0])
def test_equivalence_is_a_90_percent_interval_inside_the_margin(margin: float) -> None:
    half = t.ppf(0.95, 9) * np.std(SLEEP, ddof=1) / math.sqrt(10)
    inside = -margin < np.mean(SLEEP) - half and np.mean(SLEEP) + half < margin
    assert (equivalence_test(SLEEP, margin).p_t < 0.05) == inside


def test_what_so_many_seeds_can_show_of_equivalence() -> None:
    small = [0.01, -0.02, 0.03, -0.01, 0.02, -0.03, 0.01, 0.0]
    found = equivalence_test(small, 1.0)
    assert found.p_exact == 1 / 2**8
    assert found.p == found.p_exact > found.p_t
    assert equivalence_test(small[:4], 1.0).p > 0.05
    many = equivalence_test(small * 6, 1.0)
    assert (many.p_exact, many.p) == (None, many.p_t)


def test_no_effect_and_no_equivalence_are_two_things() -> None:
    """Few noisy seeds show neither; an effect within the margin shows both."""
    noisy = [3.0, -2.0, 1.0, -3.0, 2.5, -1.0, 0.5, -0.5]
    assert sign_flip_test(noisy) > 0.05
    assert equivalence_test(noisy, 0.5).p > 0.05
    small = [0.1, 0.12, 0.08, 0.11, 0.09, 0.1, 0.13, 0.07]
    assert sign_flip_test(small) < 0.05
    assert equivalence_test(small, 0.5).p < 0.05


@pytest.mark.parametrize(("value", "p_t"), [(0.0, 0.0), (0.4, 0.0), (0.5, 1.0), (-0.7, 1.0)])
def test_equivalence_without_spread(value: float, p_t: float) -> None:
    found = equivalence_test([value] * 8, 0.5)
    assert found.p_t == p_t
    assert found.p == (1 / 2**8 if p_t == 0 else 1.0)


@pytest.mark.parametrize(
    ("values", "margin", "said"),
    [
        ([1.0], 1.0, "at least two finite differences"),
        ([1.0, math.inf], 1.0, "at least two finite differences"),
        ([1.0, 2.0], 0.0, "above 0"),
        ([1.0, 2.0], math.nan, "above 0"),
    ],
)
def test_equivalence_refuses(values: list[float], margin: float, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        equivalence_test(values, margin)


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_by_closed_testing(ps: list[float]) -> None:
    """The largest Bonferroni p of all families that hold a hypothesis: Holm by its definition."""
    expected = [
        max(
            min(1.0, size * min(ps[j] for j in family))
            for size in range(1, len(ps) + 1)
            for family in itertools.combinations(range(len(ps)), size)
            if i in family
        )
        for i in range(len(ps))
    ]
    assert holm(ps) == pytest.approx(expected)


def test_holm_keeps_names_and_order() -> None:
    # .01 x 3, .02 x 2, .03 x 1, never falling.
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    found = holm({"late": 0.03, "early": 0.01, "between": 0.02})
    assert list(found) == ["late", "early", "between"]
    assert found == pytest.approx({"late": 0.04, "early": 0.03, "between": 0.04})
    assert (holm([]), holm({})) == ([], {})


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_p(bad: float) -> None:
    with pytest.raises(SettingError, match=r"lie in 0\.\.1"):
        holm([0.5, bad])
