import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import SettingError
from netseams.evaluation import (
    MIN_SEEDS_FOR_INTERVAL,
    SeedSummary,
    geometric_mean,
    mean,
    sign_flip_test,
    statistics,
    summarize_seeds,
)

EIGHT = {
    seed: [value]
    for seed, value in enumerate([3.137, 2.718, 4.469, 3.901, 2.236, 3.317, 5.044, 3.018])
}
NESTED = {seed: [seed * 0.3 + k * 1.7 for k in range(1 + seed % 3)] for seed in range(9)}


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
    draws = statistics._bootstrap([np.array([v]) for v in values], np.random.default_rng(0))
    assert draws.shape == (10_000,)
    assert draws.mean() == pytest.approx(values.mean(), abs=0.02)
    assert draws.var() == pytest.approx(values.var() / 8, rel=0.06)


def test_the_nested_bootstrap_has_the_variance_of_theory() -> None:
    """Spread of seed means over n, and the mean over seeds of their own variance of the mean."""
    groups = [np.array(values, dtype=float) for values in NESTED.values()]
    seed_means = np.array([group.mean() for group in groups])
    within = np.mean([group.var() / len(group) for group in groups])
    draws = statistics._bootstrap(groups, np.random.default_rng(0))
    assert draws.mean() == pytest.approx(seed_means.mean(), abs=0.02)
    assert draws.var() == pytest.approx((seed_means.var() + within) / 9, rel=0.06)
    assert within > 0.2 * seed_means.var()  # so that dropping either part would show


def test_a_percentile_interval() -> None:
    """For many seeds it comes close to mean +- 1.96 standard errors."""
    values = np.random.default_rng(0).normal(5.0, 2.0, size=200)
    found = summarize_seeds({i: [v] for i, v in enumerate(values)}, "x")
    half = 1.96 * values.std() / math.sqrt(200)
    assert found.low == pytest.approx(values.mean() - half, abs=0.06 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.06 * half)


def test_coverage_with_eight_normal_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the 95 % that is promised; plain percentiles would cover 89 %."""
    monkeypatch.setattr(statistics, "_DRAWS", 2000)
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


@pytest.mark.parametrize("bad", [[], [1.0] * 21, [1.0, math.nan]])
def test_sign_flips_of_what_cannot_be_flipped(bad: list[float]) -> None:
    with pytest.raises(SettingError, match="1 to 20 finite differences"):
        sign_flip_test(bad)


def test_the_mean_of_nothing_is_none() -> None:
    assert mean([]) is None
    assert mean([1.0, 2.0, 6.0]) == 3.0
