"""What the rows of `audits` say."""

from collections.abc import Sequence
from typing import Any

from netseams.audit import LADDER
from netseams.evaluation import SeedSummary
from netseams.experiments.experiment import Column, Experiment, Findings, Row, Table
from netseams.experiments.seeds import by_seed, in_words, paired, summary

Value = str | float | SeedSummary | None


def audits_findings(
    experiment: Experiment[Any], seeds: Sequence[int], arms: Sequence[str], rows: Sequence[Row]
) -> Findings:
    """Words, checks and sizes by arm, and the answer."""
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=_answer(rows, arms),
        tables=[_words(rows, arms), _checks(rows, arms), _values(rows, arms)],
        notes=(
            "A word rests on its own checks and on those of all words before it; a check that does "
            "not apply stands in nobody's way.",
            "Shares of checks are of the circuits that were asked, mean over training seeds.",
            "Circuits of one network share its searches' settings and its means, not their seeds.",
        ),
        n_seeds=len(seeds),
    )


def rungs_by_seed(rows: Sequence[Row], arm: str) -> dict[int, float]:
    """Mean place of a trained network's circuits on the ladder, by seed."""
    here = [r for r in rows if (r["arm"], r["network"]) == (arm, "trained")]
    return by_seed(here, "rung")


def _answer(rows: Sequence[Row], arms: Sequence[str]) -> list[str]:
    said = [
        f"{arm}: mean place on the ladder {in_words(rungs_by_seed(rows, arm), f'{arm} rung')}."
        for arm in arms
    ]
    reference = rungs_by_seed(rows, arms[0])
    for arm in arms[1:]:
        differences = paired(rungs_by_seed(rows, arm), reference)
        words = in_words(differences, f"{arm} minus {arms[0]} rung")
        said.append(f"{arm} minus {arms[0]}: {words}, {len(differences)} paired seeds.")
    found = [r for r in rows if r["network"] == "untrained"]
    reached = sum(r["found"] for r in found)
    said.append(f"In untrained networks {reached} of {len(found)} searches found a circuit.")
    return said


def _words(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    words = ["none", *LADDER]
    lines: list[list[Value]] = []
    for arm in arms:
        for network in ("trained", "untrained"):
            here = [r for r in rows if (r["arm"], r["network"]) == (arm, network)]
            found = [r for r in here if r["found"]]
            sizes: list[Value] = [
                summary(by_seed(found, key), f"{arm} {network} {key}") for key in ("nodes", "edges")
            ]
            counts: list[Value] = [float(sum(r["word"] == word for r in found)) for word in words]
            lines.append([arm, network, f"{len(found)}/{len(here)}", *sizes, *counts])
    return Table(
        title="The word of every circuit",
        columns=(
            Column(name="arm"), Column(name="network"), Column(name="found"),
            Column(name="nodes", kind="count"), Column(name="edges", kind="count"),
            *(Column(name=word, kind="count") for word in words),
        ),
        rows=lines,
    )  # fmt: skip


def _checks(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    """Share of circuits that pass every check."""
    lines: list[list[Value]] = []
    for check in (check for checks in LADDER.values() for check in checks):
        line: list[Value] = [check]
        for arm in arms:
            passed = passes_by_seed(rows, arm, check)
            line += [str(len(asked(rows, arm, check))), summary(passed, f"{arm} {check}")]
        lines.append(line)
    columns = [Column(name="check")]
    for arm in arms:
        columns += [Column(name=f"{arm} asked"), Column(name=f"{arm} passes", kind="relative")]
    return Table(title="Share of circuits that pass", columns=tuple(columns), rows=lines)


def _values(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    """Values and controls of all checks that give shares."""
    lines: list[list[Value]] = []
    sizes = ("untrained", "redrawn", "shuffled", "nonsense", "phantom")
    for check in dict.fromkeys(check for row in rows for check in row["tests"]):
        line: list[Value] = [check]
        for arm in arms:
            tests = [
                {"seed": r["seed"], **r["tests"][check]}
                for r in rows
                if (r["arm"], r["network"]) == (arm, "trained") and check in r["tests"]
            ]
            line += [
                summary(
                    by_seed([t for t in tests if t[key] is not None], key), f"{arm} {check} {key}"
                )
                for key in ("value", "control")
            ]
        if check not in sizes:
            lines.append(line)
    columns = [Column(name="check")]
    for arm in arms:
        columns += [Column(name=f"{arm} {key}", kind="relative") for key in ("value", "control")]
    return Table(title="Values and controls", columns=tuple(columns), rows=lines)


def asked(rows: Sequence[Row], arm: str, check: str) -> list[Row]:
    """Circuits of an arm's trained networks that a check had something to ask of."""
    return [
        row
        for row in rows
        if (row["arm"], row["network"]) == (arm, "trained")
        and row["tests"].get(check, {}).get("outcome") in ("pass", "fail")
    ]


def passes_by_seed(rows: Sequence[Row], arm: str, check: str) -> dict[int, float]:
    """Share of those that pass, by seed."""
    return by_seed(
        [
            {"seed": r["seed"], "passes": float(r["tests"][check]["outcome"] == "pass")}
            for r in asked(rows, arm, check)
        ],
        "passes",
    )
