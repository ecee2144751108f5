"""Published and corrected statistics of two subroutines, on numbers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import SettingError
from netseams.evaluation import SubroutineScores, share_passing, size_matched_lift

PERFECT = SubroutineScores(
    whole_target=1.0, whole_other=1.0, alone_target=1.0, alone_other=0.25,
    without_target=0.25, without_other=1.0, random_target=(1.0,), random_other=(1.0,),
)  # fmt: skip


def test_a_perfect_split() -> None:
    """The extremes that arXiv 2301.10884 states: +.75 and -.75."""
    assert (PERFECT.d_sub, PERFECT.d_abl) == (0.75, -0.75)
    assert PERFECT.own_minus_other == PERFECT.lift == PERFECT.lifted_own_minus_other == 1.0
    assert PERFECT.passes


def test_means_of_the_released_rows() -> None:
    """Rows of the released files: means over runs of nearly unclipped accuracies, to .02."""
    scratch = SubroutineScores(
        whole_target=1.0, whole_other=1.0, alone_target=0.99, alone_other=0.52,
        without_target=0.55, without_other=0.81,
    )  # fmt: skip
    assert scratch.d_sub == pytest.approx(0.47, abs=0.02)
    assert scratch.d_abl == pytest.approx(-0.25, abs=0.02)
    assert scratch.passes
    untrained = SubroutineScores(
        whole_target=0.9, whole_other=0.4, alone_target=1.0, alone_other=0.23,
        without_target=0.83, without_other=0.36,
    )  # fmt: skip
    assert untrained.d_sub == pytest.approx(0.75)  # .23 is below chance and counts as chance
    assert untrained.d_abl == pytest.approx(0.47)
    assert not untrained.passes
    assert share_passing([scratch, untrained, PERFECT]) == pytest.approx(2 / 3)


def test_what_random_removal_breaks_too_is_taken_out() -> None:
    row = PERFECT.model_copy(
        update={"without_other": 0.625, "random_target": (0.25, 1.0), "random_other": (0.625,)}
    )
    assert row.own_drop == 1.0
    assert row.other_drop == 0.5
    assert row.own_minus_other == 0.5
    assert row.lift == 0.5  # random removal: 1 and 0
    assert row.lifted_own_minus_other == 0.5  # (1 - .5) - (.5 - .5)


def test_a_network_that_never_knew_a_subroutine_has_no_corrected_value() -> None:
    row = PERFECT.model_copy(update={"whole_other": 0.2})
    assert row.own_minus_other is None
    assert row.lifted_own_minus_other is None
    assert row.lift == 1.0
    assert PERFECT.model_copy(update={"whole_target": 0.25}).lift is None
    assert PERFECT.model_copy(update={"random_target": ()}).lift is None
    assert row.d_abl == -0.75  # the published statistic cannot tell


share = st.floats(0, 1)


@given(share, share, share, share, share, share)
def test_ranges(a: float, b: float, c: float, d: float, e: float, f: float) -> None:
    row = SubroutineScores(
        whole_target=a, whole_other=b, alone_target=c, alone_other=d,
        without_target=e, without_other=f,
    )  # fmt: skip
    assert -0.75 <= row.d_sub <= 0.75
    swapped = SubroutineScores(
        whole_target=b, whole_other=a, alone_target=d, alone_other=c,
        without_target=f, without_other=e,
    )  # fmt: skip
    assert swapped.d_sub == -row.d_sub
    assert swapped.d_abl == -row.d_abl
    if row.own_minus_other is not None:
        assert swapped.own_minus_other == -row.own_minus_other


def test_nothing_to_compare_with() -> None:
    assert size_matched_lift(0.9, [0.2, 0.4]) == pytest.approx(0.6)
    with pytest.raises(SettingError, match="random mask"):
        size_matched_lift(0.9, [])
    with pytest.raises(SettingError, match="at least one"):
        share_passing([])
