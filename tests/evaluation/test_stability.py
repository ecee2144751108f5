"""Stability over searches (places) and over networks (functions by name)."""

import itertools

import numpy as np
import pytest
import torch

from netseams.core import SettingError, generator
from netseams.evaluation import (
    FunctionMatrix,
    consensus,
    functional_stability,
    keep_frequency,
    mask_stability,
)

ROWS = ([1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0, 0, 0])
THREE = [{"w": torch.tensor(row, dtype=torch.bool)} for row in ROWS]


def test_three_searches_by_hand() -> None:
    found = mask_stability(THREE)
    assert found.iou == pytest.approx(2 / 4)
    assert found.io_min == pytest.approx(2 / 3)
    # Two sets of 3 among 8 share 9/8 by chance.
    assert found.io_min_excess == pytest.approx(2 / 3 - 3 / 8)
    assert found.core.value == 1
    assert found.core.null_mean == pytest.approx(8 * (3 / 8) ** 3)
    assert found.mean_size == 3
    assert keep_frequency(THREE)["w"].tolist() == pytest.approx(
        [1, 2 / 3, 2 / 3, 2 / 3, 0, 0, 0, 0]
    )
    assert consensus(THREE)["w"].nonzero().flatten().tolist() == [0]
    assert consensus(THREE, 2 / 3)["w"].nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert consensus(THREE, 0.01)["w"].nonzero().flatten().tolist() == [0, 1, 2, 3]


def test_random_masks_are_as_stable_as_chance() -> None:
    draws = generator("unstable")
    masks = [{"w": torch.rand(2000, generator=draws) < 0.4} for _ in range(6)]
    found = mask_stability(masks)
    assert found.iou is not None
    assert found.iou > 0.2  # what a reader without the null would call agreement
    assert found.iou_excess == pytest.approx(0.0, abs=0.01)
    assert abs(found.core.z or 99) < 3


def matrix(values: np.ndarray, names: str = "abcd") -> FunctionMatrix:
    cells = {(names[i], names[j]): float(v) for (i, j), v in np.ndenumerate(values)}
    return FunctionMatrix.of(names, names, cells)


def test_networks_are_matched_by_the_names_of_functions() -> None:
    values = np.random.default_rng(0).random((4, 4))
    one = matrix(values)
    order = [2, 0, 3, 1]
    two = matrix(values[np.ix_(order, order)], "".join("abcd"[k] for k in order))
    found = functional_stability([one, two])
    assert found.value == pytest.approx(1.0)
    off = ~np.eye(4, dtype=bool)
    nulls = [
        np.corrcoef(values[off], values[np.ix_(p, p)][off])[0, 1]
        for p in itertools.permutations(range(4))
    ]
    assert found.null == pytest.approx(np.mean(nulls))
    assert found.excess == pytest.approx(1 - np.mean(nulls))


def test_a_strong_diagonal_alone_is_no_agreement_of_networks() -> None:
    draws = np.random.default_rng(1)
    matrices = [matrix(np.eye(4) + 0.1 * draws.random((4, 4))) for _ in range(4)]
    with_own = functional_stability(matrices, diagonal=True)
    without = functional_stability(matrices)
    assert with_own.value is not None
    assert with_own.value > 0.9
    assert with_own.excess == pytest.approx(0.0, abs=0.02)  # renaming keeps the diagonal
    assert abs(without.value or 9) < 0.4


def test_correlations_by_numpy() -> None:
    draws = np.random.default_rng(2)
    values = [draws.random((4, 4)) for _ in range(3)]
    off = ~np.eye(4, dtype=bool)
    table = np.corrcoef([v[off] for v in values])
    found = functional_stability([matrix(v) for v in values])
    assert found.by_network == pytest.approx((table.sum(0) - 1) / 2)
    assert found.value == pytest.approx(table[np.triu_indices(3, 1)].mean())


def test_many_functions_are_renamed_by_draws() -> None:
    names = "abcdefgh"
    values = np.random.default_rng(3).random((8, 8))
    found = functional_stability([matrix(values, names), matrix(values, names)])
    assert found.value == pytest.approx(1.0)
    assert found.null == pytest.approx(0.0, abs=0.05)
    again = functional_stability([matrix(values, names), matrix(values, names)])
    assert again == found


def test_too_little_to_compare() -> None:
    flat = matrix(np.ones((4, 4)))
    assert functional_stability([flat, flat]).value is None
    two = matrix(np.random.default_rng(0).random((2, 2)), "ab")
    assert functional_stability([two, two]).value is None
    with pytest.raises(SettingError, match="at least two networks"):
        functional_stability([flat])
    with pytest.raises(SettingError, match="at least two masks"):
        mask_stability(THREE[:1])
    with pytest.raises(SettingError, match="at least one mask"):
        keep_frequency([])
    with pytest.raises(SettingError, match=r"\(0, 1\]"):
        consensus(THREE, 0.0)
