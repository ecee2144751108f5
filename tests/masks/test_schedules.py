import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import SettingError
from netseams.masks import annealed_density, kept_count

SHAPES = ["linear", "power", "cubic"]
SHARES = st.floats(0, 1)
DENSITIES = st.floats(1e-4, 1)


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float]:
    start = draw(st.floats(0, 0.9))
    return start, draw(st.floats(start + 0.05, 1))


@given(progress=SHARES, final=DENSITIES, interval=intervals())
@pytest.mark.parametrize("shape", SHAPES)
def test_dense_before_and_final_after(
    shape: str, progress: float, final: float, interval: tuple[float, float]
) -> None:
    start, end = interval
    density = annealed_density(progress, final, shape, start, end)
    if progress <= start:
        assert density == 1.0
    if progress >= end:
        assert density == pytest.approx(final, rel=1e-12)
    assert final * (1 - 1e-12) <= density <= 1


@given(a=SHARES, b=SHARES, final=DENSITIES, interval=intervals())
@pytest.mark.parametrize("shape", SHAPES)
def test_density_never_rises(
    shape: str, a: float, b: float, final: float, interval: tuple[float, float]
) -> None:
    early, late = (annealed_density(t, final, shape, *interval) for t in sorted((a, b)))
    assert late <= early * (1 + 1e-12)


@given(final=DENSITIES, share=SHARES)
def test_linear_is_linear(final: float, share: float) -> None:
    density = annealed_density(0.25 + share / 2, final, "linear", 0.25, 0.75)
    assert density == pytest.approx((1 - share) + share * final)


@given(final=DENSITIES, share=SHARES)
def test_power_is_linear_in_the_logarithm(final: float, share: float) -> None:
    density = annealed_density(0.25 + share / 2, final, "power", 0.25, 0.75)
    assert math.log(density) == pytest.approx(share * math.log(final), abs=1e-9)


@given(progress=SHARES, final=DENSITIES)
def test_none_is_final_from_the_first_step(progress: float, final: float) -> None:
    assert annealed_density(progress, final, "none", 0.0, 0.5) == final


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("linear", [1, 0.505, 0.01]),
        ("power", [1, 0.1, 0.01]),
        ("cubic", [1, 0.13375, 0.01]),  # 0.01 + 0.99 / 8
    ],
)
def test_known_values(shape: str, expected: list[float]) -> None:
    found = [annealed_density(t, 0.01, shape, 0.1, 0.5) for t in (0.1, 0.3, 0.5)]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("final", [0.0, -0.1, 1.1, float("nan")])
@pytest.mark.parametrize("shape", [*SHAPES, "none"])
def test_a_density_that_is_none(shape: str, final: float) -> None:
    with pytest.raises(SettingError, match="density must lie in"):
        annealed_density(0.5, final, shape, 0.0, 0.5)


@pytest.mark.parametrize(("start", "end"), [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.0, 1.5)])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_interval_that_is_none(shape: str, start: float, end: float) -> None:
    with pytest.raises(SettingError, match="annealing must start before it ends"):
        annealed_density(0.5, 0.1, shape, start, end)


@given(numel=st.integers(1, 10**7), density=st.floats(1e-6, 1))
def test_the_count_is_the_nearest_whole_number_and_at_least_one(numel: int, density: float) -> None:
    kept = kept_count(numel, density)
    assert 1 <= kept <= numel
    assert abs(kept - numel * density) <= 0.5 or kept == 1


@pytest.mark.parametrize(
    ("numel", "density", "expected"),
    [(100, 0.05, 5), (128, 0.05, 6), (10, 0.01, 1), (7, 1.0, 7), (16384, 0.03, 492)],
)
def test_known_counts(numel: int, density: float, expected: int) -> None:
    assert kept_count(numel, density) == expected
