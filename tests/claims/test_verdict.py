"""Every verdict word, by hand; and what no verdict may do."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from netseams.claims import Counts, Prediction, judge
from netseams.claims.verdict import Verdict, together, with_holm
from netseams.core import SettingError

SPREAD = (-0.2, -0.1, -0.1, 0.0, 0.0, 0.1, 0.1, 0.2)
"""Mean 0; standard error .05, so an interval of about .12 on either side."""


def predicted(**changes) -> Prediction:
    fields = {
        "experiment": "coins", "metric": "value", "unit": "coins", "smallest_effect": 0.5,
        "conditions": ("here",),
    }  # fmt: skip
    return Prediction(**{**fields, **changes})


SHARE = {"rule": "at_least", "reference": 0.9, "smallest_effect": 0.0}


def around(mean: float, width: float = 1.0, n: int = 8) -> dict[int, list[float]]:
    return {seed: [mean + width * SPREAD[seed]] for seed in range(n)}


def word(values: dict[int, list[float]], **changes) -> str:
    return judge(predicted(**changes), {"here": values}).word


@pytest.mark.parametrize(
    ("mean", "width", "expected"),
    [
        (1.0, 1, "supported"),  # about .88 .. 1.12
        (0.5, 1, "supported"),  # above 0, and the value is the smallest effect
        (0.45, 1, "below_sensitivity"),  # above 0, the value too small, .5 not ruled out
        (0.2, 1, "equivalent_to_null"),  # about .08 .. .32: an effect, smaller than any of interest
        (0.0, 1, "equivalent_to_null"),
        (0.0, 10, "below_sensitivity"),  # about -1.2 .. 1.2
        (-0.05, 1, "equivalent_to_null"),
        (-1.0, 1, "refuted"),
        (-1.0, 10, "below_sensitivity"),
    ],
)
def test_effects(mean, width, expected):
    assert word(around(mean, width)) == expected
    mirrored = {seed: [-v for v in values] for seed, values in around(mean, width).items()}
    assert word(mirrored, direction="less") == expected
    moved = {seed: [v + 3 for v in values] for seed, values in around(mean, width).items()}
    assert word(moved, reference=3.0) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0] * 8, "supported"),
        ([0.9] * 8, "supported"),
        ([1.0] * 6 + [0.9, 0.95], "supported"),
        ([1.0] * 7 + [0.0], "below_sensitivity"),
        ([0.5, 0.6] * 4, "refuted"),
        ([0.0] * 8, "refuted"),
    ],
)
def test_shares_that_must_be_reached(values, expected):
    assert word({seed: [v] for seed, v in enumerate(values)}, **SHARE) == expected


def test_too_few_seeds_are_shown_and_not_judged():
    found = judge(predicted(), {"here": around(5.0, n=7)})
    assert found.word == "not_tested"
    assert found.reason == "7 of the 8 training seeds that a verdict needs; exploratory"
    (here,) = found.conditions
    assert here.summary is not None
    assert (here.summary.n_seeds, here.summary.low) == (7, None)
    assert here.p == pytest.approx(2 / 2**7)
    assert word(around(5.0), n_seeds=9) == "not_tested"


def test_nothing_at_all_is_not_tested():
    found = judge(predicted(), {})
    assert (found.word, found.conditions[0].summary) == ("not_tested", None)
    assert found.reason == "0 of the 8 training seeds that a verdict needs"


def test_other_settings_than_declared_give_no_verdict():
    found = judge(predicted(), {"here": around(1.0)}, as_declared=False)
    assert found.word == "not_tested"
    assert "other settings than the preset that was declared (standard)" in found.reason
    assert found.conditions[0].summary is not None


def test_what_is_missing_is_named_and_kept_in_the_counts():
    values = {**around(1.0), 8: [], 9: []}
    counts = Counts(
        things="masks", n=20, missing=3, missing_are="failures", cases=10, not_learned=2
    )
    found = judge(predicted(), {"here": values}, {"here": counts})
    assert found.word == "supported"
    assert found.reason == (
        "the interval lies above 0, the value 0.5 or more from it, seeds 8, 9 without a value, "
        "3 of 20 masks were not found and count as failures, in 2 of 10 cases the network had not "
        "learned its task; they stay in"
    )
    assert found.conditions[0].counts == counts
    assert found.conditions[0].values[8] == []


def test_an_interval_without_width_is_said():
    equal = {seed: [1.0] for seed in range(8)}
    assert "no width" in judge(predicted(**SHARE), {"here": equal}).reason
    assert "no width" not in judge(predicted(), {"here": around(1.0)}).reason


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["supported", "supported"], "supported"),
        (["refuted", "refuted"], "refuted"),
        (["equivalent_to_null"] * 2, "equivalent_to_null"),
        (["supported", "refuted"], "conditional"),
        (["not_tested", "supported"], "conditional"),
        (["below_sensitivity", "refuted"], "refuted"),
        (["not_tested", "equivalent_to_null"], "not_tested"),
        (["below_sensitivity", "equivalent_to_null"], "below_sensitivity"),
    ],
)
def test_words_over_conditions(words, expected):
    assert together(words) == expected


def test_a_conditional_verdict_names_its_conditions():
    both = predicted(conditions=("text", "images"))
    found = judge(both, {"text": around(1.0), "images": around(-1.0)})
    assert found.word == "conditional"
    assert found.reason.startswith("text supported: the interval lies above 0")
    assert "; images refuted: the interval lies below 0" in found.reason
    half = judge(both, {"text": around(1.0)})
    assert half.word == "conditional"
    assert half.reason.endswith("images not_tested: 0 of the 8 training seeds that a verdict needs")


def test_unknown_conditions_and_bad_numbers_are_refused():
    with pytest.raises(SettingError, match="values of there, but the prediction is about here"):
        judge(predicted(), {"there": around(1.0)})
    with pytest.raises(SettingError, match="finite"):
        judge(predicted(), {"here": {**around(1.0), 3: [math.nan]}})


@pytest.mark.parametrize(
    "changes",
    [
        {"smallest_effect": 0.0},
        {"rule": "at_least"},
        {**SHARE, "direction": "less"},
        {"n_seeds": 5},
        {"conditions": ()},
        {"conditions": ("here", "here")},
    ],
)
def test_predictions_that_cannot_be_judged_are_refused(changes):
    with pytest.raises(ValidationError):
        predicted(**changes)


def test_p_is_adjusted_over_all_tested_conditions():
    both = judge(predicted(conditions=("a", "b")), {"a": around(1.0), "b": around(1.0, n=4)})
    other = judge(predicted(), {"here": around(-1.0)})
    found: list[Verdict] = with_holm([both, other])
    # Two of three were tested, each with p = 2 / 2^8.
    assert [c.p_holm for v in found for c in v.conditions] == [
        pytest.approx(4 / 256), None, pytest.approx(4 / 256)
    ]  # fmt: skip
    assert [v.word for v in found] == ["conditional", "refuted"]


NUMBERS = st.floats(-3, 3, allow_nan=False).map(lambda v: round(v, 3))
RANK = {"refuted": 0, "equivalent_to_null": 1, "below_sensitivity": 1, "supported": 2}


@given(
    st.lists(NUMBERS, min_size=8, max_size=8),
    st.lists(st.floats(0, 3).map(lambda v: round(v, 3)), min_size=8, max_size=8),
    st.sampled_from([{}, SHARE]),
)
def test_higher_values_never_make_a_lower_verdict(values, steps, rule):
    before = word({s: [v] for s, v in enumerate(values)}, **rule)
    after = word({s: [v + d] for s, (v, d) in enumerate(zip(values, steps, strict=True))}, **rule)
    assert RANK[after] >= RANK[before]
    lower = {s: [-v] for s, v in enumerate(values)}
    if not rule:
        assert word(lower, direction="less") == before


@given(st.lists(NUMBERS, min_size=0, max_size=12))
def test_every_set_of_values_gets_a_word_and_a_reason(values):
    found = judge(predicted(), {"here": {s: [v] for s, v in enumerate(values)}})
    assert found.reason
    assert (found.word == "not_tested") == (len(values) < 8)
