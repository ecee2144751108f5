"""Synthetic comparisons, and the pages made of them once."""

import fcntl
import os
from pathlib import Path

import pytest
from synthetic_comparison import FOUR, LARGE, MANY, comparison

from netseams.comparison.result import Comparison
from netseams.reporting import write_report


@pytest.fixture(scope="session")
def small() -> Comparison:
    """Two corpora, three seeds: exploratory, with every kind of failure in it."""
    return comparison()


@pytest.fixture(scope="session")
def large() -> Comparison:
    """Eight tasks in both arms, eight seeds: with intervals."""
    return comparison(LARGE, n_seeds=8)


@pytest.fixture(scope="session")
def four() -> Comparison:
    """Eight tasks in four arms, three seeds."""
    return comparison(LARGE, arms=FOUR)


@pytest.fixture(scope="session")
def many() -> Comparison:
    """A frontier: string operations in seven arms, two seeds."""
    return comparison({"string_ops": LARGE["string_ops"]}, 2, missing=False, arms=MANY)


@pytest.fixture(scope="session")
def four_page(four: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(four, "four", tmp_path_factory)


@pytest.fixture(scope="session")
def many_page(many: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(many, "many", tmp_path_factory)


@pytest.fixture(scope="session")
def small_page(small: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(small, "small", tmp_path_factory)


@pytest.fixture(scope="session")
def large_page(large: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(large, "large", tmp_path_factory)


def _written(result: Comparison, name: str, factory: pytest.TempPathFactory) -> Path:
    """A page, made by the first process that asks for it."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / f"page-{name}"
    with (root / f"page-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "report.html").exists():
            folder.mkdir()
            (folder / "comparison.json").write_text(result.model_dump_json(), encoding="utf-8")
            write_report(result, folder)
    return folder / "report.html"
