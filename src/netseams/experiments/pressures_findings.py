"""What the rows of `pressures` say."""

from collections.abc import Sequence
from typing import Any

from netseams.evaluation import SeedSummary, holm, sign_flip_test
from netseams.experiments.audits_findings import asked, passes_by_seed, rungs_by_seed
from netseams.experiments.experiment import Column, Experiment, Findings, Kind, Row, Table
from netseams.experiments.seeds import by_seed, in_words, paired, summary

Value = str | float | SeedSummary | None
_CIRCUITS: dict[str, Kind] = {"accuracy": "accuracy", "nodes": "count", "edges": "count"}
_WHOLE: dict[str, Kind] = {
    "test_loss": "loss", "clusterability": "relative", "clusterability_shuffled": "relative",
    "modularity": "relative", "modularity_shuffled": "relative",
}  # fmt: skip
_SEARCHED = ("untrained", "redrawn", "shuffled", "nonsense", "phantom")
"""Checks whose values are sizes."""


def pressures_findings(
    experiment: Experiment[Any], seeds: Sequence[int], arms: Sequence[str], rows: Sequence[Row]
) -> Findings:
    """Every arm against the first."""
    circuits = [row for row in rows if row["network"] == "trained"]
    whole = [row for row in rows if row["network"] == "whole"]
    checks = list(dict.fromkeys(check for row in circuits for check in row["tests"]))
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=_answer(circuits, arms),
        tables=[
            _places(circuits, arms), _networks(circuits, whole, arms),
            _passes(circuits, arms, checks), _values(circuits, arms, checks),
        ],
        notes=(
            "A word rests on the checks that were asked and on those of all words before it.",
            "One strength of every pressure, the greatest of a few at which one network of another "
            "seed learned all tasks: other strengths may do more or less.",
            "Modules: four spectral ones and Louvain's, beside the same weights shuffled within "
            "matrices and clustered anew.",
        ),
        n_seeds=len(seeds),
    )  # fmt: skip


def gains(rows: Sequence[Row], arms: Sequence[str]) -> dict[str, dict[int, float]]:
    """Arm -> training seed -> rungs above the first arm."""
    reference = rungs_by_seed(rows, arms[0])
    return {arm: paired(rungs_by_seed(rows, arm), reference) for arm in arms[1:]}


def _adjusted(found: dict[str, dict[int, float]]) -> dict[str, float]:
    """Exact sign-flip p of every arm, after Holm over all arms."""
    return holm({arm: sign_flip_test(list(v.values())) for arm, v in found.items() if v})


def _answer(rows: Sequence[Row], arms: Sequence[str]) -> list[str]:
    found = gains(rows, arms)
    p = _adjusted(found)
    said = [f"{arms[0]}: mean place {in_words(rungs_by_seed(rows, arms[0]), f'{arms[0]} rung')}."]
    for arm, values in found.items():
        words = in_words(values, f"{arm} gain")
        said.append(f"{arm} minus {arms[0]}: {words}, p after Holm {p.get(arm, 1.0):.3f}.")
    return said


def _places(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    found = gains(rows, arms)
    p = _adjusted(found)
    lines: list[list[Value]] = []
    for arm in arms:
        here = [row for row in rows if row["arm"] == arm]
        at = [float(sum(row["rung"] >= rung for row in here)) for rung in range(1, 6)]
        lines.append([
            arm, f"{sum(r['found'] for r in here)}/{len(here)}",
            summary(rungs_by_seed(rows, arm), f"{arm} rung"),
            summary(found[arm], f"{arm} gain") if arm in found else None, p.get(arm), *at,
        ])  # fmt: skip
    words = ("fits", "beats its controls", "necessary and specific", "stable", "robust")
    return Table(
        title="The word of every circuit",
        columns=(
            Column(name="arm"), Column(name="found"), Column(name="mean place", kind="relative"),
            Column(name=f"minus {arms[0]}", kind="signed"), Column(name="p, Holm", kind="relative"),
            *(Column(name=f"{word} or more", kind="count") for word in words),
        ),
        rows=lines,
    )  # fmt: skip


def _networks(circuits: Sequence[Row], whole: Sequence[Row], arms: Sequence[str]) -> Table:
    lines: list[list[Value]] = []
    for arm in arms:
        here = [row for row in circuits if row["arm"] == arm]
        line: list[Value] = [arm, f"{sum(row['learned'] for row in here)}/{len(here)}"]
        line += [summary(by_seed(here, key), f"{arm} {key}") for key in _CIRCUITS]
        networks = [row for row in whole if row["arm"] == arm]
        line += [summary(by_seed(networks, key), f"{arm} {key}") for key in _WHOLE]
        lines.append(line)
    return Table(
        title="Networks and sizes",
        columns=(
            Column(name="arm"), Column(name="learned"),
            *(Column(name=k.replace("_", " "), kind=v) for k, v in (_CIRCUITS | _WHOLE).items()),
        ),
        rows=lines,
        note="learned: tasks above half way from their floor. Nodes and edges of circuits that "
        "were found, all at one loss.",
    )  # fmt: skip


def _passes(rows: Sequence[Row], arms: Sequence[str], checks: Sequence[str]) -> Table:
    lines: list[list[Value]] = [
        [
            check,
            *(
                summary(passes_by_seed(rows, arm, check), f"{arm} {check}")
                if asked(rows, arm, check) else None
                for arm in arms
            ),
        ]
        for check in checks
    ]  # fmt: skip
    return Table(
        title="Share of circuits that pass",
        columns=(Column(name="check"), *(Column(name=arm, kind="relative") for arm in arms)),
        rows=lines,
    )


def _values(rows: Sequence[Row], arms: Sequence[str], checks: Sequence[str]) -> Table:
    lines: list[list[Value]] = []
    for check in checks:
        if check in _SEARCHED:
            continue
        line: list[Value] = [check]
        for arm in arms:
            tests = [
                {"seed": row["seed"], "value": row["tests"][check]["value"]}
                for row in rows
                if row["arm"] == arm and check in row["tests"]
            ]
            line.append(summary(by_seed(tests, "value"), f"{arm} {check} value"))
        lines.append(line)
    return Table(
        title="Values",
        columns=(Column(name="check"), *(Column(name=arm, kind="relative") for arm in arms)),
        rows=lines,
    )
