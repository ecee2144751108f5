"""From values to a verdict: pure functions of a prediction and its numbers.

With e = value minus reference, in the claimed direction, [low, high] its 95 % interval over
training seeds, and s the smallest effect of interest, the rule `effect` says

- `not_tested`: fewer seeds than a verdict needs, or other settings than were declared;
- `supported`: low > 0 and e >= s;
- `refuted`: high < 0;
- `equivalent_to_null`: the interval lies inside (-s, s);
- `below_sensitivity`: anything else.

The rule `at_least`, for claims that say *always*, asks of a share whether its interval reaches
down to less than the reference: `supported` if low >= 0, `refuted` if high < 0, else
`below_sensitivity`. p values stand beside and decide nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from netseams.claims.claim import Counts, Prediction
from netseams.core import Config, SettingError
from netseams.evaluation import (
    MOST_SEEDS_FOR_EXACT_TEST,
    SeedSummary,
    holm,
    sign_flip_test,
    summarize_seeds,
)

Word = Literal[
    "supported", "refuted", "conditional", "equivalent_to_null", "below_sensitivity", "not_tested"
]
_SETTINGS = "run with other settings than the preset that was declared"


class ConditionVerdict(Config):
    """The numbers of one condition and what they come to."""

    condition: str
    word: Word
    reason: str
    summary: SeedSummary | None
    """Of the metric itself, not of its distance from the reference."""
    p: float | None
    """Exact two-sided sign-flip test of the reference."""
    p_holm: float | None = None
    """The same, adjusted for every tested condition of all claims that are judged together."""
    values: dict[int, list[float]]
    counts: Counts | None = None


class Verdict(Config):
    """One word over all conditions, and why."""

    word: Word
    reason: str
    conditions: tuple[ConditionVerdict, ...]


def judge(
    prediction: Prediction,
    values: Mapping[str, Mapping[int, Sequence[float]]],
    counts: Mapping[str, Counts] | None = None,
    *,
    as_declared: bool = True,
) -> Verdict:
    """The verdict on a prediction.

    Args:
        values: condition -> training seed -> values; a seed without one has an empty list.
        counts: condition -> what the values rest on, for the reason.
        as_declared: the rows come from the declared preset; the number of seeds may differ.

    Raises:
        SettingError: a condition that the prediction does not have, or a value that is not finite.
    """
    unknown = sorted(values.keys() - set(prediction.conditions))
    if unknown:
        raise SettingError(
            f"values of {', '.join(unknown)}, but the prediction is about "
            f"{', '.join(prediction.conditions)}"
        )
    counts = counts or {}
    conditions = tuple(
        judge_condition(prediction, name, values.get(name, {}), counts.get(name), as_declared)
        for name in prediction.conditions
    )
    reasons = [c.reason for c in conditions]
    if len(conditions) > 1:
        reasons = [f"{c.condition} {c.word}: {c.reason}" for c in conditions]
    return Verdict(
        word=together([c.word for c in conditions]),
        reason="; ".join(reasons),
        conditions=conditions,
    )


def judge_condition(
    prediction: Prediction,
    condition: str,
    values: Mapping[int, Sequence[float]],
    counts: Counts | None = None,
    as_declared: bool = True,
) -> ConditionVerdict:
    """The verdict on one condition."""
    some = {seed: list(found) for seed, found in sorted(values.items()) if len(found)}
    label = f"claim {prediction.experiment} {prediction.metric} {condition}"
    summary = summarize_seeds(some, label) if some else None
    word, reason = _word(prediction, summary, len(some))
    if not as_declared:
        word, reason = "not_tested", f"{_SETTINGS} ({prediction.preset}); exploratory"
    notes = [reason]
    without = [str(seed) for seed in sorted(values) if not len(values[seed])]
    if without:
        notes.append(f"seed{'s' * (len(without) > 1)} {', '.join(without)} without a value")
    means = {tuple(found) for found in some.values()}
    if word != "not_tested" and len(means) == 1:
        notes.append("every seed has the same value, so the interval has no width")
    notes += counts.sentences() if counts is not None else []
    effects = [sum(found) / len(found) - prediction.reference for found in some.values()]
    return ConditionVerdict(
        condition=condition,
        word=word,
        reason=", ".join(notes),
        summary=summary,
        p=sign_flip_test(effects) if 1 <= len(effects) <= MOST_SEEDS_FOR_EXACT_TEST else None,
        values={seed: list(found) for seed, found in sorted(values.items())},
        counts=counts,
    )


def _word(prediction: Prediction, summary: SeedSummary | None, n: int) -> tuple[Word, str]:
    if n < prediction.n_seeds or summary is None or summary.low is None or summary.high is None:
        few = f"{n} of the {prediction.n_seeds} training seeds that a verdict needs"
        return "not_tested", f"{few}; exploratory" if n else few
    sign = 1.0 if prediction.direction == "greater" else -1.0
    value, low, high = (
        sign * (number - prediction.reference)
        for number in (summary.value, summary.low, summary.high)
    )
    low, high = min(low, high), max(low, high)
    beyond = "above" if prediction.direction == "greater" else "below"
    short = "below" if prediction.direction == "greater" else "above"
    reference, least = f"{prediction.reference:.3g}", f"{prediction.smallest_effect:.3g}"
    if prediction.rule == "at_least":
        if low >= 0:
            return "supported", f"the interval does not reach below {reference}"
        if high < 0:
            return "refuted", f"the interval lies below {reference}"
        return "below_sensitivity", f"the interval holds {reference}"
    if low > 0 and value >= prediction.smallest_effect:
        return "supported", (
            f"the interval lies {beyond} {reference}, the value {least} or more from it"
        )
    if high < 0:
        return "refuted", f"the interval lies {short} {reference}"
    if -prediction.smallest_effect < low and high < prediction.smallest_effect:
        return "equivalent_to_null", f"the interval lies within {least} of {reference}"
    if low > 0:
        return "below_sensitivity", (
            f"the interval lies {beyond} {reference}, by a value of less than {least}"
        )
    return "below_sensitivity", (
        f"the interval holds {reference} and is too wide to rule out an effect of {least}"
    )


def together(words: Sequence[Word]) -> Word:
    """One word over conditions.

    All equal: that word. Some supported: conditional. None supported: refuted where any is, since
    a claim is made of all its conditions; else not_tested where any is; else below_sensitivity.
    """
    if len(set(words)) == 1:
        return words[0]
    if "supported" in words:
        return "conditional"
    for word in ("refuted", "not_tested"):
        if word in words:
            return word
    return "below_sensitivity"


def with_holm(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts with p values adjusted over all their tested conditions (Holm's method)."""
    family = [
        (i, j, c.p)
        for i, verdict in enumerate(verdicts)
        for j, c in enumerate(verdict.conditions)
        if c.word != "not_tested" and c.p is not None
    ]
    adjusted = dict(zip([f[:2] for f in family], holm([f[2] for f in family]), strict=True))
    return [
        verdict.model_copy(
            update={
                "conditions": tuple(
                    c.model_copy(update={"p_holm": adjusted.get((i, j))})
                    for j, c in enumerate(verdict.conditions)
                )
            }
        )
        for i, verdict in enumerate(verdicts)
    ]
