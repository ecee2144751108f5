"""Every table of `netseams power`. Nothing here reads a result."""

from collections.abc import Callable, Iterator
from typing import Literal

from netseams.core import Config, SettingError
from netseams.evaluation.statistics.coverage import (
    COVERAGE_SEEDS,
    SHAPES,
    Coverage,
    Shape,
    coverage,
)
from netseams.evaluation.statistics.intervals import MIN_SEEDS_FOR_INTERVAL
from netseams.evaluation.statistics.power import (
    POWER_SEEDS,
    EquivalencePower,
    Power,
    power_of,
)
from netseams.store import Provenance

Report = Callable[[str], None]


class PowerTables(Config):
    """All that `netseams power` writes."""

    format: Literal["netseams.power"] = "netseams.power"
    version: Literal[1] = 1
    command: str = ""
    repeats: int
    seed: int
    coverage: tuple[Coverage, ...]
    power: tuple[Power, ...]
    equivalence: tuple[EquivalencePower, ...]
    provenance: Provenance | None = None


def simulation_names() -> list[str]:
    """Names of all parts of `simulate`, in their order."""
    return [name for name, _ in _coverage_cells()] + [f"power {n} seeds" for n in POWER_SEEDS]


def simulate(repeats: int, seed: int = 0, report: Report = lambda name: None) -> PowerTables:
    """Simulate every table; equal arguments give equal tables.

    Args:
        repeats: simulated experiments in every cell; 4,000 give a standard error of .0034 at .95.
        seed: of all draws.
        report: called with a name of `simulation_names` when that part is done.

    Raises:
        SettingError: fewer than 100 repeats.
    """
    if repeats < 100:
        raise SettingError(f"a simulation needs at least 100 repeats, got {repeats}")
    coverages: list[Coverage] = []
    for name, (shape, n, levels) in _coverage_cells():
        coverages.append(coverage(shape, n, levels, repeats, seed))
        report(name)
    power: list[Power] = []
    equivalence: list[EquivalencePower] = []
    for n in POWER_SEEDS:
        found, equal = power_of(n, repeats, seed)
        power += found
        equivalence += equal
        report(f"power {n} seeds")
    return PowerTables(
        repeats=repeats,
        seed=seed,
        coverage=tuple(coverages),
        power=tuple(power),
        equivalence=tuple(equivalence),
    )


def _coverage_cells() -> Iterator[tuple[str, tuple[Shape, int, int]]]:
    for shape in SHAPES:
        for n in COVERAGE_SEEDS:
            levels = (1, 2, 3) if n == MIN_SEEDS_FOR_INTERVAL else (1, 2)
            for some in levels[1:] if shape == "normal, noisy" else levels:
                yield f"coverage {shape}, {n} seeds, levels {some}", (shape, n, some)
