"""What the rows of `transfer` say."""

from collections.abc import Sequence
from typing import Any

from netseams.evaluation import SeedSummary
from netseams.experiments.experiment import Column, Experiment, Findings, Kind, Row, Table
from netseams.experiments.seeds import by_seed, in_words, paired, summary

Value = str | float | SeedSummary | None
_NUMBERS: dict[str, Kind] = {
    "whole": "accuracy", "share": "share", "own_lost": "relative", "free_lost": "relative",
    "kept_lost": "relative", "random_own_lost": "relative", "random_free_lost": "relative",
}  # fmt: skip


def transfer_findings(
    experiment: Experiment[Any], seeds: Sequence[int], arms: Sequence[str], rows: Sequence[Row]
) -> Findings:
    """Tables over seeds, and the answer in words."""
    operations = list(dict.fromkeys(row["task"].partition("_")[2] for row in rows))
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=_answer(rows, arms),
        tables=[_table(rows, arms), _excess(rows, arms, operations)],
        notes=(
            "Shares are of what the network has above the task's floor. A search that did not "
            "reach its target has none.",
            "kept lost: mean over the calls that the search had to leave as they were.",
            "same, different: which operation was left free at the other site.",
        ),
        n_seeds=len(seeds),
    )


def _table(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    lines: list[list[Value]] = []
    for arm in arms:
        for kind in ("same", "different", "phantom"):
            here = [r for r in rows if (r["arm"], r["kind"]) == (arm, kind)]
            reached = [r for r in here if r["reached"]]
            numbers: list[Value] = [
                summary(by_seed(reached, key), f"{arm} {kind} {key}") for key in _NUMBERS
            ]
            lines.append([arm, kind, f"{len(reached)}/{len(here)}", *numbers])
    return Table(
        title="One call taken away, one left free",
        columns=(
            Column(name="arm"), Column(name="free"), Column(name="reached"),
            *(Column(name=key.replace("_", " "), kind=kind) for key, kind in _NUMBERS.items()),
        ),
        rows=lines,
        note="whole: accuracy of the whole network on the call. share: of the weights that are not "
        "zero. random: as many weights of every matrix.",
    )  # fmt: skip


def excess_by_seed(rows: Sequence[Row], arm: str, operation: str | None = None) -> dict[int, float]:
    """What a free call loses where it is the same operation, minus where it is another.

    Both are of equal calls taken away: a call counts where both searches reached their target.
    """
    found: dict[tuple[int, str], dict[str, float]] = {}
    for row in rows:
        if row["arm"] != arm or not row["reached"] or row["free_lost"] is None:
            continue
        if operation in (None, row["task"].partition("_")[2]):
            found.setdefault((row["seed"], row["task"]), {})[row["kind"]] = row["free_lost"]
    pairs = [
        {"seed": seed, "excess": kinds["same"] - kinds["different"]}
        for (seed, _), kinds in found.items()
        if {"same", "different"} <= kinds.keys()
    ]
    return by_seed(pairs, "excess")


def _excess(rows: Sequence[Row], arms: Sequence[str], operations: Sequence[str]) -> Table:
    lines: list[list[Value]] = []
    for operation in (None, *operations):
        found = {arm: excess_by_seed(rows, arm, operation) for arm in arms}
        label = operation or "all"
        numbers: list[Value] = [summary(v, f"{label} {arm}") for arm, v in found.items()]
        numbers += [
            summary(paired(found[arm], found[arms[0]]), f"{label} {arm} minus") for arm in arms[1:]
        ]
        lines.append([label, *numbers])
    return Table(
        title="Same minus different: what the free call loses",
        columns=(
            Column(name="operation"), *(Column(name=arm, kind="relative") for arm in arms),
            *(Column(name=f"{arm} minus {arms[0]}", kind="relative") for arm in arms[1:]),
        ),
        rows=lines,
    )  # fmt: skip


def _answer(rows: Sequence[Row], arms: Sequence[str]) -> list[str]:
    excess = {arm: excess_by_seed(rows, arm) for arm in arms}
    said = [
        f"{arm}: a free call of the same operation loses "
        f"{in_words(excess[arm], f'{arm} excess')} more than one of another operation."
        for arm in arms
    ]
    for arm in arms[1:]:
        differences = paired(excess[arm], excess[arms[0]])
        words = in_words(differences, f"{arm} minus")
        said.append(f"{arm} minus {arms[0]}: {words}, {len(differences)} paired seeds.")
    phantoms = [row for row in rows if row["kind"] == "phantom"]
    reached = sum(row["reached"] for row in phantoms)
    said.append(f"A phantom could be taken away in {reached} of {len(phantoms)} networks.")
    return said
