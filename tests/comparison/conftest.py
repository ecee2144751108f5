"""The small comparison, run once for all tests of this folder."""

from pathlib import Path

import pytest

from netseams.comparison import Comparison, compare
from small_comparison import SMALL


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    """The result and its folder. Tests read them and change nothing."""
    out = tmp_path_factory.mktemp("comparison") / "out"
    # Worker processes do without the shape checks of the test session, and are faster.
    return compare(SMALL, out, n_workers=2, command="netseams compare"), out
