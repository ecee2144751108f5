"""Means and intervals over seeds."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from netseams.core import SettingError
from netseams.evaluation import (
    MIN_SEEDS_FOR_INTERVAL,
    SeedSummary,
    bca_interval,
    geometric_mean,
    mean,
    summarize_seeds,
)
from netseams.evaluation.statistics import intervals

EIGHT = {
    seed: [value]
    for seed, value in enumerate([3.137, 2.718, 4.469, 3.901, 2.236, 3.317, 5.044, 3.018])
}
NESTED = {seed: [seed * 0.3 + k * 1.7 for k in range(1 + seed % 3)] for seed in range(9)}
THREE = {
    seed: {
        extraction: [seed * 0.4 + extraction * 0.9 + (k - 1) * 2.2 for k in range(2 + extraction)]
        for extraction in range(1 + seed % 3)
    }
    for seed in range(9)
}
SPATIAL = [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24,
           26, 30, 41]  # fmt: skip
"""Efron and Tibshirani 1993, table 14.1, test A."""


@given(st.dictionaries(st.integers(0, 99), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4),
                       min_size=1, max_size=7))  # fmt: skip
def test_the_value_is_the_mean_of_seed_means(rows: dict[int, list[float]]) -> None:
    found = summarize_seeds(rows, "x")
    expected = math.fsum(math.fsum(v) / len(v) for v in rows.values()) / len(rows)
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.n_seeds == len(rows)


def test_seeds_weigh_alike_however_many_values_they_have() -> None:
    assert summarize_seeds({0: [0.0] * 99, 1: [1.0]}, "x").value == 0.5


@pytest.mark.parametrize("n_seeds", [1, 3, 7, 8, 9])
def test_no_interval_below_eight_seeds(n_seeds: int) -> None:
    found = summarize_seeds({seed: [float(seed)] for seed in range(n_seeds)}, "x")
    assert MIN_SEEDS_FOR_INTERVAL == 8
    assert (found.low is None) == (found.high is None) == (n_seeds < 8)
    assert found.n_seeds == n_seeds


def test_many_values_of_few_seeds_are_still_few_seeds() -> None:
    rows = {seed: list(np.linspace(0, 1, 50)) for seed in range(7)}
    assert summarize_seeds(rows, "x").low is None


@pytest.mark.parametrize("rows", [EIGHT, NESTED], ids=["one value a seed", "several"])
def test_numbers_of_two_levels_never_change(rows: dict) -> None:
    """What these rows gave before a third level was possible; reports rest on such numbers."""
    known = {
        8: (3.4800000000000004, 2.7496816871429046, 4.305125),
        9: (2.05, 1.0045961741198384, 3.153703703703704),
    }
    found = summarize_seeds(rows, "golden")
    expected = pytest.approx(known[len(rows)], rel=1e-14)
    assert (found.value, found.low, found.high) == expected


@pytest.mark.parametrize("rows", [EIGHT, NESTED], ids=["one value a seed", "several"])
def test_the_interval_lies_around_the_value_and_inside_the_data(rows: dict) -> None:
    found = summarize_seeds(rows, "x")
    values = [value for group in rows.values() for value in group]
    assert min(values) < found.low < found.value < found.high < max(values)


@pytest.mark.parametrize("log", [False, True])
def test_equal_seeds_have_no_width(log: bool) -> None:
    found = summarize_seeds({seed: [2.0] for seed in range(8)}, "x", log)
    assert (found.low, found.value, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_bootstrap_has_the_variance_of_theory() -> None:
    """One value a seed: the spread of the values (over n, not n - 1), over n."""
    values = np.array([value for (value,) in EIGHT.values()])
    draws = intervals._bootstrap([np.array([v]) for v in values], np.random.default_rng(0))
    assert draws.shape == (10_000,)
    assert draws.mean() == pytest.approx(values.mean(), abs=0.02)
    assert draws.var() == pytest.approx(values.var() / 8, rel=0.06)


def test_the_nested_bootstrap_has_the_variance_of_theory() -> None:
    """Spread of seed means over n, and the mean over seeds of their own variance of the mean."""
    groups = [np.array(values, dtype=float) for values in NESTED.values()]
    seed_means = np.array([group.mean() for group in groups])
    within = np.mean([group.var() / len(group) for group in groups])
    draws = intervals._bootstrap(groups, np.random.default_rng(0))
    assert draws.mean() == pytest.approx(seed_means.mean(), abs=0.02)
    assert draws.var() == pytest.approx((seed_means.var() + within) / 9, rel=0.06)
    assert within > 0.2 * seed_means.var()  # so that dropping either part would show


def test_the_bootstrap_of_three_levels_has_the_variance_of_theory() -> None:
    """Of a draw: spread of seed means, then of a seed's extractions, then of their examples."""
    seeds = [[np.array(v) for v in parts.values()] for parts in THREE.values()]
    means = [np.array([leaf.mean() for leaf in seed]) for seed in seeds]
    seed_means = np.array([extractions.mean() for extractions in means])
    second = np.mean([extractions.var() / len(extractions) for extractions in means])
    third = np.mean([
        np.mean([leaf.var() / len(leaf) for leaf in seed]) / len(seed) for seed in seeds
    ])  # fmt: skip
    draws = intervals._bootstrap_of_three(seeds, np.random.default_rng(0))
    assert draws.shape == (10_000,)
    assert draws.mean() == pytest.approx(seed_means.mean(), abs=0.02)
    assert draws.var() == pytest.approx((seed_means.var() + second + third) / 9, rel=0.06)
    assert min(second, third) > 0.15 * seed_means.var()  # so that dropping a part would show


def test_three_levels_weigh_extractions_alike_and_seeds_alike() -> None:
    rows = {0: {0: [0.0] * 50, 1: [1.0]}, 1: {0: [2.0]}}
    assert summarize_seeds(rows, "x").value == 1.25
    rows = {seed: {0: [1.0, 4.0, 1.0], 1: [8.0]} for seed in range(3)}
    geometric = summarize_seeds(rows, "x", log=True).value
    assert geometric == pytest.approx(math.sqrt(4 ** (1 / 3) * 8))


def test_three_levels_with_one_value_below_are_two() -> None:
    """One extraction with all values, or an extraction for every value: the same distribution."""
    plain = summarize_seeds(NESTED, "x")
    width = plain.high - plain.low
    above = {seed: {0: values} for seed, values in NESTED.items()}
    below = {seed: {k: [v] for k, v in enumerate(values)} for seed, values in NESTED.items()}
    for rows in (above, below):
        found = summarize_seeds(rows, "x")
        assert found.value == pytest.approx(plain.value)
        assert found.low == pytest.approx(plain.low, abs=0.04 * width)
        assert found.high == pytest.approx(plain.high, abs=0.04 * width)


def test_the_order_of_keys_does_not_matter() -> None:
    turned = {s: dict(reversed(parts.items())) for s, parts in reversed(THREE.items())}
    assert summarize_seeds(turned, "x") == summarize_seeds(THREE, "x")


def test_an_extraction_with_many_examples_is_drawn_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = summarize_seeds(THREE, "x")
    monkeypatch.setattr(intervals, "_MOST_AT_ONCE", 1000)
    assert summarize_seeds(THREE, "x") == whole


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({0: {0: [1.0], 1: []}}, "at least one value for every seed"),
        ({0: {}}, "at least one value for every seed"),
        ({0: {0: [1.0]}, 1: [1.0]}, "give all the same levels"),
        ({0: {0: [math.nan]}}, "finite"),
    ],
)
def test_rows_of_three_levels_that_cannot_be_used(rows: dict, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        summarize_seeds(rows, "x")


def test_a_percentile_interval() -> None:
    """For many seeds it comes close to mean +- 1.96 standard errors."""
    values = np.random.default_rng(0).normal(5.0, 2.0, size=200)
    found = summarize_seeds({i: [v] for i, v in enumerate(values)}, "x")
    half = 1.96 * values.std() / math.sqrt(200)
    assert found.low == pytest.approx(values.mean() - half, abs=0.06 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.06 * half)


def test_coverage_with_eight_normal_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the 95 % that is promised; plain percentiles would cover 89 %."""
    monkeypatch.setattr(intervals, "DRAWS", 2000)
    draws = np.random.default_rng(0)
    covered = 0
    for repetition in range(600):
        sample = draws.normal(1.0, 3.0, size=8)
        found = summarize_seeds({i: [v] for i, v in enumerate(sample)}, f"coverage {repetition}")
        covered += found.low <= 1.0 <= found.high
    assert 0.925 < covered / 600 < 0.975  # two and a half standard errors around .95


def test_equal_input_gives_equal_intervals() -> None:
    first = summarize_seeds(EIGHT, "ratio")
    np.random.default_rng(5).normal()
    assert summarize_seeds(EIGHT, "ratio") == first
    assert summarize_seeds(dict(reversed(EIGHT.items())), "ratio") == first
    other = summarize_seeds(EIGHT, "another")
    assert other.value == first.value
    assert (other.low, other.high) != (first.low, first.high)


def test_logarithms_give_the_geometric_mean() -> None:
    rows = {seed: [2.0**seed, 2.0 ** (seed + 2)] for seed in range(8)}
    found = summarize_seeds(rows, "x", log=True)
    assert found.value == pytest.approx(2.0**4.5)
    plain = summarize_seeds({s: [math.log(v) for v in vs] for s, vs in rows.items()}, "x")
    assert (found.low, found.high) == pytest.approx((math.exp(plain.low), math.exp(plain.high)))


def test_a_ratio_and_its_inverse_agree() -> None:
    rows = {seed: [value] for seed, value in enumerate([0.5, 2, 4, 8, 3, 0.7, 5, 6])}
    there = summarize_seeds(rows, "x", log=True)
    back = summarize_seeds({s: [1 / v] for s, (v,) in rows.items()}, "x", log=True)
    assert (1 / there.high, 1 / there.value, 1 / there.low) == pytest.approx(
        (back.low, back.value, back.high)
    )


@pytest.mark.parametrize("rows", [{}, {0: [1.0], 1: []}])
def test_seeds_without_values(rows: dict) -> None:
    with pytest.raises(SettingError, match="at least one value for every seed"):
        summarize_seeds(rows, "x")


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_ratios_must_be_positive(bad: float) -> None:
    with pytest.raises(SettingError, match="positive"):
        summarize_seeds({0: [1.0], 1: [2.0, bad]}, "x", log=True)
    assert summarize_seeds({0: [bad]}, "x").value == bad


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_geometric_mean(values: list[float]) -> None:
    assert geometric_mean(values) == pytest.approx(math.prod(values) ** (1 / len(values)))


def test_a_summary_is_frozen_and_readable() -> None:
    found = SeedSummary(value=1.0, low=None, high=None, n_seeds=3)
    assert SeedSummary.parse_json(found.model_dump_json(), "x") == found


def test_the_mean_of_nothing_is_none() -> None:
    assert mean([]) is None
    assert mean([1.0, 2.0, 6.0]) == 3.0


def test_bca_of_a_published_example() -> None:
    """Efron and Tibshirani 1993, section 14.3: variance 171.5, a .061, 90 % from 115.8 to 259.6."""
    values = np.array(SPATIAL, dtype=float)
    left_out = np.array([np.delete(values, i).var() for i in range(26)])
    assert values.var() == pytest.approx(171.5, abs=0.05)
    assert intervals.acceleration(left_out) == pytest.approx(0.061, abs=5e-4)
    low, high = bca_interval(SPATIAL, np.var, "x", level=0.9)
    assert low == pytest.approx(115.8, abs=4)  # theirs and ours are draws, by 2,000 and 10,000
    assert high == pytest.approx(259.6, abs=6)


@pytest.mark.parametrize("statistic", [np.mean, np.var], ids=["mean", "variance"])
def test_bca_as_scipy_has_it(statistic: Callable) -> None:
    values = np.random.default_rng(1).lognormal(size=40)
    low, high = bca_interval(list(values), statistic, "x")
    theirs = bootstrap(
        (values,), statistic, n_resamples=50_000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=0.03 * width)
    assert high == pytest.approx(theirs.high, abs=0.03 * width)


def test_bca_leans_to_the_long_tail() -> None:
    values = list(np.random.default_rng(1).lognormal(size=40))
    low, high = bca_interval(values, np.mean, "x")
    middle = float(np.mean(values))
    assert high - middle > 1.3 * (middle - low)
    assert bca_interval(values, np.mean, "x") == (low, high)
    assert bca_interval(values, np.mean, "y") != (low, high)


def test_bca_without_spread_has_no_width() -> None:
    assert bca_interval([2.0] * 9, np.mean, "x") == (2.0, 2.0)


@pytest.mark.parametrize(
    ("values", "statistic", "said"),
    [
        ([1.0], np.mean, "two finite values or more"),
        ([1.0, math.nan], np.mean, "two finite values or more"),
        ([1.0, 2.0, 3.0], lambda x: math.nan, "finite on every resample"),
        # How many values differ: resamples repeat some.
        (list(range(20)), lambda x: float(len(set(x))), "at the end"),
    ],
)
def test_bca_refuses(values: list[float], statistic: Callable, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        bca_interval(values, statistic, "x")


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_bca_wants_a_level_between_0_and_1(level: float) -> None:
    with pytest.raises(SettingError, match="between 0 and 1"):
        bca_interval([1.0, 2.0], np.mean, "x", level)
