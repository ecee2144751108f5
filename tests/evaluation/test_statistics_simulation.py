"""Simulated coverage and power, against closed forms and against the functions they speak of."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi, nct, norm, t

from netseams.core import SettingError
from netseams.evaluation import bca_interval, summarize_seeds
from netseams.evaluation.statistics.coverage import (
    MEANS,
    SHAPES,
    Shape,
    coverage,
    intervals,
    sampled,
)
from netseams.evaluation.statistics.power import EquivalencePower, Power, fewest_seeds, power_of
from netseams.evaluation.statistics.simulation import simulate, simulation_names

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


def test_coverage_of_normal_values_with_eight_seeds() -> None:
    """93 to 97 %; 4,000 repeats have a standard error of 0.34 %."""
    found = coverage("normal", 8, 1, repeats=4000)
    assert 0.93 < found.covered < 0.97
    assert found.covered + found.too_low + found.too_high == pytest.approx(1)


@pytest.mark.parametrize("shape", ["normal", "heavy tails", "skewed", "shares near 1"])
def test_the_page_reports_what_is_found(shape: Shape) -> None:
    """Also where it is far from 95 %: the numbers in the docs are these."""
    found = coverage(shape, 8, 1, repeats=4000)
    rows = re.findall(rf"^\| {shape} \| seeds \| (.*) \|$", PAGE.read_text(), re.M)
    cells, misses = (row.split(" | ") for row in rows)
    # A repeat or two may fall otherwise where sums round otherwise.
    assert float(cells[1]) == pytest.approx(100 * found.covered, abs=0.11)
    sides = [100 * found.too_low, 100 * found.too_high]
    assert [float(cell) for cell in misses] == pytest.approx(sides, abs=0.11)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_simulated_interval_is_that_of_seeds(levels: int) -> None:
    draws = np.random.default_rng(0)
    samples = sampled("normal", 8, levels, 3, draws)
    low, high = intervals(samples, draws)
    for repeat, values in enumerate(samples):
        rows = {
            seed: {e: list(examples) for e, examples in enumerate(extractions)}
            for seed, extractions in enumerate(values)
        }
        if levels < 3:
            rows = {seed: [v for (v,) in parts.values()] for seed, parts in rows.items()}
        found = summarize_seeds(rows, "x")
        width = found.high - found.low
        assert low[repeat] == pytest.approx(found.low, abs=0.04 * width)
        assert high[repeat] == pytest.approx(found.high, abs=0.04 * width)


def test_the_simulated_bca_is_that_of_the_mean() -> None:
    draws = np.random.default_rng(0)
    samples = sampled("skewed", 12, 1, 3, draws)
    _, _, low, high = intervals(samples, draws, bca=True)
    for repeat, values in enumerate(samples[:, :, 0, 0]):
        expected = bca_interval(list(values), np.mean, "x")
        width = expected[1] - expected[0]
        assert (low[repeat], high[repeat]) == pytest.approx(expected, abs=0.05 * width)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_samples_have_the_mean_that_coverage_is_asked_of(shape: Shape, levels: int) -> None:
    values = sampled(shape, 8, levels, 20_000, np.random.default_rng(0))
    assert values.shape == (20_000, 8, 3 if levels > 1 else 1, 10 if levels > 2 else 1)
    seeds = values.mean(axis=(2, 3))
    error = seeds.std() / math.sqrt(seeds.size)
    assert seeds.mean() == pytest.approx(MEANS[shape], abs=4 * error)


def test_noise_within_seeds_is_as_large_as_between_or_three_times() -> None:
    for shape, noise in (("normal", 1.0), ("normal, noisy", 3.0)):
        values = sampled(shape, 8, 3, 5000, np.random.default_rng(0))
        expected = math.sqrt(1 + noise**2 / 3 + noise**2 / 30)
        assert values.mean(axis=(2, 3)).std() == pytest.approx(expected, rel=0.02)
        assert values.std(axis=3, ddof=1).mean() == pytest.approx(0.97 * noise, rel=0.02)


def test_power_of_six_seeds_has_a_closed_form() -> None:
    """Six seeds show an effect only where all have one sign: 2 of 64 patterns are below 5 %."""
    for row in power_of(6, repeats=2000)[0]:
        expected = norm.cdf(row.effect) ** 6 + norm.cdf(-row.effect) ** 6
        assert row.exact == pytest.approx(expected, abs=4 * math.sqrt(expected / 2000))
        assert row.interval is None  # none below eight


def test_five_seeds_show_nothing() -> None:
    found, _ = power_of(5, repeats=200)
    assert {row.exact for row in found} == {0.0}


@pytest.fixture(scope="module")
def twelve() -> tuple[list[Power], list[EquivalencePower]]:
    return power_of(12, repeats=2000)


def test_power_is_close_to_that_of_the_t_test(
    twelve: tuple[list[Power], list[EquivalencePower]],
) -> None:
    """For normal differences nothing beats t, and both tests come close (noncentral t)."""
    critical = t.ppf(0.975, 11)
    for row in twelve[0]:
        away = row.effect * math.sqrt(12)
        expected = nct.sf(critical, 11, away) + nct.cdf(-critical, 11, away)
        assert row.exact == pytest.approx(expected, abs=0.03)
        assert row.interval == pytest.approx(expected, abs=0.03)


def test_power_of_equivalence_has_a_closed_form(
    twelve: tuple[list[Power], list[EquivalencePower]],
) -> None:
    """P(|mean| < margin - t s / sqrt(n)), integrated over s."""
    critical = t.ppf(0.95, 11)

    def at(x: float, margin: float, effect: float) -> float:
        room = margin - critical * x / math.sqrt(12 * 11)
        if room <= 0:
            return 0.0
        ends = [(side * room - effect) * math.sqrt(12) for side in (1, -1)]
        return (norm.cdf(ends[0]) - norm.cdf(ends[1])) * chi.pdf(x, 11)

    for row in twelve[1]:
        expected = quad(at, 0, 20, (row.margin, row.effect), limit=200)[0]
        assert row.t == pytest.approx(expected, abs=0.03)
        assert row.both <= min(row.t, row.exact)
        if row.effect == row.margin:
            assert row.both < 0.07  # false ones: at most 5 %, and four standard errors


def test_the_fewest_seeds_that_find_an_effect() -> None:
    rows = [
        Power(n_seeds=n, effect=1.0, exact=exact, interval=share)
        for n, exact, share in ((6, 0.4, None), (12, 0.9, 0.79), (8, 0.8, 0.7))
    ]
    assert fewest_seeds(rows, 1.0, "exact") == 8
    assert fewest_seeds(rows, 1.0, "interval") is None
    assert fewest_seeds(rows, 1.0, "interval", share=0.7) == 8
    assert fewest_seeds(rows, 0.5, "exact") is None


def test_equal_seeds_give_equal_tables() -> None:
    said: list[str] = []
    first = coverage("skewed", 5, 1, 300, seed=3)
    assert coverage("skewed", 5, 1, 300, seed=3) == first
    assert coverage("skewed", 5, 1, 300, seed=4) != first
    found = simulate(100, report=said.append)
    assert said == simulation_names()
    assert {(c.shape, c.levels) for c in found.coverage if c.n_seeds == 8} == {
        (shape, levels)
        for shape in SHAPES
        for levels in (1, 2, 3)
        if (shape, levels) != ("normal, noisy", 1)
    }
    assert all((c.bca is None) == (c.levels > 1) for c in found.coverage)
    assert type(found).parse_json(found.model_dump_json(), "x") == found


def test_a_few_repeats_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 100 repeats, got 99"):
        simulate(99)
