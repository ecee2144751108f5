"""Scores of specialisation and reuse at their extremes, and where they must be nothing."""

import math

import pytest
import torch

from netseams.core import SettingError, generator
from netseams.evaluation import FunctionMatrix, pair_score, reuse, specialisation
from netseams.masks import Masks

N = 400


def mask(start: int, stop: int) -> Masks:
    found = torch.zeros(N, dtype=torch.bool)
    found[start:stop] = True
    return {"w": found}


def matrix(own: float, other: float) -> FunctionMatrix:
    return FunctionMatrix.of(
        "ab", "ab", {(r, c): own if r == c else other for r in "ab" for c in "ab"}
    )


APART, SAME = {"a": mask(0, 40), "b": mask(40, 80)}, {"a": mask(0, 40), "b": mask(0, 40)}
AB = ("a", "b")


def test_the_ideal_of_each() -> None:
    """Disjoint and diagonal is specialised; equal and off-diagonal is reused."""
    apart = pair_score(AB, APART, matrix(1.0, 0.0))
    assert apart.overlap == pytest.approx(-0.1 / 0.9)  # chance: 40 * 40 / 400 = 4 of 40
    assert (apart.specialised, apart.reused) == (1.0, 0.0)
    same = pair_score(AB, SAME, matrix(1.0, 1.0))
    assert same.overlap == pytest.approx(1.0)
    assert same.reused == pytest.approx(1.0)
    assert same.specialised == pytest.approx(0.0)


def test_either_half_alone_is_nothing() -> None:
    """Disjoint circuits that break everything; equal ones that break their own task only."""
    assert pair_score(AB, APART, matrix(1.0, 1.0)).specialised == 0.0
    assert pair_score(AB, APART, matrix(1.0, 1.0)).reused == 0.0
    assert pair_score(AB, SAME, matrix(1.0, 0.0)).specialised == pytest.approx(0.0)
    assert pair_score(AB, SAME, matrix(1.0, 0.0)).reused == 0.0


def test_by_hand_between_the_extremes() -> None:
    half = {"a": mask(0, 40), "b": mask(20, 60)}
    drops = FunctionMatrix.of(
        "ab", "ab", {("a", "a"): 0.8, ("a", "b"): 0.2, ("b", "a"): 0.3, ("b", "b"): 0.6}
    )
    found = pair_score(AB, half, drops)
    corrected = (0.5 - 0.1) / 0.9
    assert found.overlap == pytest.approx(corrected)
    assert found.difference == pytest.approx((0.6 + 0.3) / 2)
    assert found.transfer == pytest.approx((0.25 + 0.5) / 2)
    assert found.specialised == pytest.approx((1 - corrected) * 0.45)
    assert found.reused == pytest.approx(corrected * 0.375)
    assert pair_score(("b", "a"), half, drops).specialised == pytest.approx(found.specialised)


def test_random_masks_have_neither() -> None:
    """They overlap by chance, and break both tasks alike however much they break."""
    draws = generator("random masks")
    scores = []
    for _ in range(40):
        masks = {k: {"w": torch.rand(N, generator=draws) < 0.3} for k in "ab"}
        breaks = {r: float(torch.rand(1, generator=draws)) for r in "ab"}
        cells = {(r, c): breaks[r] for r in "ab" for c in "ab"}
        scores.append(pair_score(AB, masks, FunctionMatrix.of("ab", "ab", cells)))
    assert specialisation(scores) == pytest.approx(0.0, abs=1e-9)
    found = reuse(scores, scores)
    assert found.same is not None
    assert found.same < 0.06
    assert found.excess == 0.0


def test_a_trunk_that_all_share_is_no_reuse_of_a_function() -> None:
    score = pair_score(AB, SAME, matrix(1.0, 1.0))
    found = reuse([score], [score])
    assert found.same == pytest.approx(1.0)
    assert found.excess == 0.0
    one = reuse([score], [pair_score(AB, APART, matrix(1.0, 0.0))])
    assert one.excess == pytest.approx(1.0)


def test_what_cannot_be_said() -> None:
    unknown = FunctionMatrix.of("ab", "ab", {("a", "a"): 1.0, ("a", "b"): 0.0})
    score = pair_score(AB, APART, unknown)
    assert (score.specialised, score.reused) == (None, None)
    nothing = pair_score(AB, APART, matrix(0.0, 0.0))
    assert (nothing.specialised, nothing.reused) == (0.0, None)
    assert specialisation([score]) is None
    assert reuse([score], []).excess is None
    empty = pair_score(AB, {"a": mask(0, 0), "b": mask(0, 40)}, matrix(1.0, 0.0))
    assert empty.specialised is None
    with pytest.raises(SettingError, match="no mask for b"):
        pair_score(AB, {"a": mask(0, 1)}, unknown)


def test_places_that_could_not_be_chosen() -> None:
    """In a network of 80 weights, circuits of 40 that are half each other's are at chance."""
    half = {"a": mask(0, 40), "b": mask(20, 60)}
    found = pair_score(AB, half, matrix(1.0, 0.0), mask(0, 80))
    assert found.overlap is not None
    assert math.isclose(found.overlap, 0.0, abs_tol=1e-9)
