"""Overlap of masks, held against every way to deal small masks out."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from netseams.core import SettingError, generator
from netseams.masks import core_size, exclusive, intersection, overlap, shared_iou, size, union


def mask(*places: int, n: int = 6) -> Tensor:
    found = torch.zeros(n, dtype=torch.bool)
    found[list(places)] = True
    return found


def every_deal(sizes: Sequence[tuple[int, int]]) -> list[dict[str, set[int]]]:
    """All ways to choose `a` of `n` places in every tensor."""
    choices = [[set(c) for c in itertools.combinations(range(n), a)] for n, a in sizes]
    return [{str(i): c for i, c in enumerate(deal)} for deal in itertools.product(*choices)]


def as_masks(sets: dict[str, set[int]], widths: Sequence[int]) -> dict[str, Tensor]:
    return {name: mask(*places, n=widths[int(name)]) for name, places in sets.items()}


@pytest.mark.parametrize(
    "shape",
    [
        [(5, 2, 3)],
        [(4, 2, 1), (3, 1, 2)],
        [(4, 4, 2), (2, 0, 1), (3, 1, 1)],
        [(1, 1, 0), (5, 3, 3)],
    ],
    ids=str,
)
def test_the_null_is_that_of_every_deal(shape: list[tuple[int, int, int]]) -> None:
    widths = [n for n, _, _ in shape]
    firsts = every_deal([(n, a) for n, a, _ in shape])
    seconds = every_deal([(n, b) for n, _, b in shape])
    counts, ious, mins = [], [], []
    for a, b in itertools.product(firsts, seconds):
        both = sum(len(a[k] & b[k]) for k in a)
        sizes = [sum(map(len, x.values())) for x in (a, b)]
        counts.append(both)
        ious.append(both / (sum(sizes) - both))
        mins.append(both / min(sizes))
    found = overlap(as_masks(firsts[0], widths), as_masks(seconds[-1], widths))
    observed = sum(len(firsts[0][k] & seconds[-1][k]) for k in firsts[0])
    for ours, theirs in (
        (found.intersection, counts), (found.iou, ious), (found.io_min, mins)
    ):  # fmt: skip
        assert ours is not None
        assert ours.null_mean == pytest.approx(np.mean(theirs), abs=1e-12)
        assert ours.null_sd == pytest.approx(np.std(theirs), abs=1e-12)
    assert found.intersection.value == observed
    assert found.p == pytest.approx(np.mean([c >= observed for c in counts]))


def test_the_core_of_three_against_every_deal() -> None:
    shape = [(4, 2, 3, 2), (3, 1, 2, 3)]
    deals = [every_deal([(row[0], row[k]) for row in shape]) for k in (1, 2, 3)]
    counts = [sum(len(a[k] & b[k] & c[k]) for k in a) for a, b, c in itertools.product(*deals)]
    found = core_size([as_masks(deal[0], [4, 3]) for deal in deals])
    assert found.null_mean == pytest.approx(np.mean(counts))
    assert found.null_sd == pytest.approx(np.std(counts))


def test_places_that_could_not_be_chosen_do_not_count() -> None:
    a, b = {"w": mask(0, 1, n=8)}, {"w": mask(1, 2, n=8)}
    within = {"w": mask(0, 1, 2, 3, n=8)}
    short = overlap({"w": mask(0, 1, n=4)}, {"w": mask(1, 2, n=4)})
    assert overlap(a, b, within) == short
    assert overlap(a, b).intersection.null_mean == 0.5
    assert short.intersection.null_mean == 1.0
    with pytest.raises(SettingError, match="could not have been chosen"):
        overlap(a, b, {"w": mask(0, 1, n=8)})


def test_the_union_of_three_is_of_all_three() -> None:
    """A published script put the third mask alone where the union belongs: 1/2 instead of 1/5."""
    sets = [{"w": mask(0, 1, 2)}, {"w": mask(0, 3, 4)}, {"w": mask(0, 1)}]
    assert union(sets)["w"].tolist() == [True, True, True, True, True, False]
    assert shared_iou(sets) == 1 / 5
    wrong = size(intersection(sets)) / size(sets[2])
    assert wrong == 1 / 2
    for order in itertools.permutations(sets):
        assert shared_iou(order) == 1 / 5


def test_exclusive_parts_by_hand() -> None:
    sets = [{"w": mask(0, 1, 2)}, {"w": mask(0, 3, 4)}, {"w": mask(0, 1)}]
    alone = [exclusive(own, [o for o in sets if o is not own])["w"] for own in sets]
    assert [m.nonzero().flatten().tolist() for m in alone] == [[2], [3, 4], []]
    assert exclusive(sets[0], [])["w"].equal(sets[0]["w"])
    assert intersection(sets)["w"].nonzero().flatten().tolist() == [0]


bits = st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=2, max_size=5)


@given(bits)
def test_algebra_of_sets(rows: list[list[bool]]) -> None:
    sets = [{"a": torch.tensor(row[:4]), "b": torch.tensor(row[4:])} for row in rows]
    places = [{i for i, on in enumerate(row) if on} for row in rows]
    assert size(union(sets)) == len(set.union(*places))
    assert size(intersection(sets)) == len(set.intersection(*places))
    parts = [exclusive(s, [o for o in sets if o is not s]) for s in sets]
    for i, part in enumerate(parts):
        others = set().union(*(p for j, p in enumerate(places) if j != i))
        assert size(part) == len(places[i] - others)
    assert sum(map(size, parts)) + size(intersection(sets)) <= size(union(sets))


@given(bits, st.randoms())
def test_two_sets_by_either_formula(rows: list[list[bool]], draws) -> None:
    a, b = ({"a": torch.tensor(row[:4]), "b": torch.tensor(row[4:])} for row in rows[:2])
    found = overlap(a, b)
    assert overlap(b, a) == found
    order = draws.sample(range(5), 5)  # names of places do not matter
    moved = [{"a": m["a"], "b": m["b"][order]} for m in (a, b)]
    assert overlap(*moved) == found
    if found.io_min is not None:
        scaled = found.intersection.null_sd / min(size(a), size(b))
        assert found.io_min.null_sd == pytest.approx(scaled, abs=1e-9)
        assert 0 <= found.io_min.value <= 1
    if size(a):
        same = overlap(a, a)
        assert same.iou.value == same.io_min.value == 1
        assert same.io_min.corrected in (None, pytest.approx(1.0))


def test_empty_masks_have_no_ratio() -> None:
    nothing = {"w": mask()}
    found = overlap(nothing, nothing)
    assert (found.iou, found.io_min, found.p) == (None, None, 1.0)
    half = overlap(nothing, {"w": mask(1)})
    assert half.iou is not None
    assert half.iou.value == 0
    assert half.iou.z is None
    assert half.io_min is None
    assert shared_iou([nothing, nothing]) is None


def test_large_masks_are_exact_too() -> None:
    """A million places: the closed form, and a mean IoU near that of its mean intersection."""
    draws = generator("large masks")
    a, b = (
        {n: torch.rand(1000, 500, generator=draws) < p for n, p in zip("xy", ps, strict=True)}
        for ps in ((0.03, 0.2), (0.1, 0.02))
    )
    found = overlap(a, b)
    assert abs(found.intersection.z or 99) < 4
    assert found.iou is not None
    x = found.intersection.null_mean
    total = size(a) + size(b)
    slope = total / (total - x) ** 2  # of x / (total - x)
    assert found.iou.null_mean == pytest.approx(x / (total - x), rel=1e-4)
    assert found.iou.null_sd == pytest.approx(slope * found.intersection.null_sd, rel=1e-3)
    # Counts by hand: mean ab/N a tensor.
    by_hand = sum(int(a[k].sum()) * int(b[k].sum()) / 500_000 for k in "xy")
    assert x == pytest.approx(by_hand)
    assert math.isclose(found.p, 0.5, abs_tol=0.5)


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        ([], "at least one mask"),
        ([{"a": mask(1)}, {"b": mask(1)}], "differ at a"),
        ([{"a": mask(1)}, {"a": mask(1, n=7)}], "differ at a"),
    ],
)
def test_masks_over_different_tensors(sets: list, line: str) -> None:
    for function in (intersection, union, core_size):
        with pytest.raises(SettingError, match=line):
            function(sets)
