"""What the rows of `battery` say: a confusion table of the audit's checks."""

from collections.abc import Collection, Sequence
from typing import Any

from netseams.audit import LADDER
from netseams.evaluation import SeedSummary
from netseams.experiments.experiment import Column, Experiment, Findings, Row, Table

Value = str | float | SeedSummary | None
APART = 0.5
"""Difference between the shares of circuits and of some fakes that pass, from which on a check is
held to tell them apart."""


def battery_findings(
    experiment: Experiment[Any], rows: Sequence[Row], unique: Collection[str]
) -> Findings:
    """Passes by check and kind of circuit; words; the answer."""
    table = confusion(rows, unique)
    blind = [check for check, shares in table.items() if not _tells(shares)]
    ladder = [check for checks in LADDER.values() for check in checks]
    silent = [check for check in ladder if check in blind]
    circuits = [r for r in rows if r["case"] == "planted" and r["network"] in unique]
    fakes = [r for r in rows if r["case"] != "planted"]
    full = sum(r["word"] == "robust" for r in circuits)
    real = sum(r["rung"] >= 3 for r in fakes)
    said = [
        f"{full} of {len(circuits)} planted circuits that are the only one pass everything that "
        f"applies; {real} of {len(fakes)} fakes are called necessary and specific or better.",
        f"{len(ladder) - len(silent)} of {len(ladder)} checks of the ladder tell planted circuits "
        "from some kind of fake"
        + (f"; not told apart by: {', '.join(silent)}." if silent else "."),
    ]
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=said,
        tables=[_passes(table, rows), _words(rows, unique)],
        notes=(
            "planted: networks that have one circuit, which the search recovers; several: planted "
            "networks where several circuits do the task, or where the search does not find it.",
            "Controls with searches of their own (untrained to phantom) ask about the search and "
            "the network, so that they pass for any small circuit of a network that has one: "
            "their fakes are untrained networks, and masks so large that a control need not be.",
            "No seeds of training: planted networks are set.",
        ),
        n_seeds=len({row["seed"] for row in rows}),
    )


def confusion(
    rows: Sequence[Row], unique: Collection[str]
) -> dict[str, dict[str, tuple[int, int]]]:
    """Check -> kind of circuit -> (passes, asked). Kind `several` is planted and not unique."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for row in rows:
        for check, test in row["tests"].items():
            if test["outcome"] not in ("pass", "fail"):
                continue
            kind = kind_of(row, unique)
            passes, asked = found.setdefault(check, {}).get(kind, (0, 0))
            found[check][kind] = (passes + (test["outcome"] == "pass"), asked + 1)
    return found


def kind_of(row: Row, unique: Collection[str]) -> str:
    """The case, but `several` where a planted circuit is not the only one."""
    several = row["case"] == "planted" and row["network"] not in unique
    return "several" if several else row["case"]


def _tells(shares: dict[str, tuple[int, int]]) -> bool:
    """Whether circuits pass more often than some kind of fake, by `APART` or more."""
    if "planted" not in shares:
        return False
    ours = shares["planted"][0] / shares["planted"][1]
    fakes = [p / n for kind, (p, n) in shares.items() if kind not in ("planted", "several")]
    return any(ours - share >= APART for share in fakes)


def _kinds(rows: Sequence[Row]) -> list[str]:
    cases = dict.fromkeys(row["case"] for row in rows)
    return ["planted", "several", *(case for case in cases if case != "planted")]


def _passes(table: dict[str, dict[str, tuple[int, int]]], rows: Sequence[Row]) -> Table:
    kinds = _kinds(rows)
    lines: list[list[Value]] = []
    for check, shares in table.items():
        cells: list[Value] = [
            f"{shares[kind][0]}/{shares[kind][1]}" if kind in shares else None for kind in kinds
        ]
        lines.append([check, *cells, "yes" if _tells(shares) else "no"])
    return Table(
        title="Passes of those asked",
        columns=(
            Column(name="check"), *(Column(name=kind) for kind in kinds),
            Column(name="tells them apart"),
        ),
        rows=lines,
        note="A circuit should pass, a fake should fail some checks and need not fail all: half a "
        "circuit is no more redundant than a whole one.",
    )  # fmt: skip


def _words(rows: Sequence[Row], unique: Collection[str]) -> Table:
    words = ["none", *LADDER]
    lines: list[list[Value]] = []
    for kind in _kinds(rows):
        here = [row for row in rows if kind_of(row, unique) == kind]
        if here:
            counts: list[Value] = [float(sum(r["word"] == word for r in here)) for word in words]
            lines.append([kind, float(len(here)), *counts])
    return Table(
        title="The word of every circuit",
        columns=(
            Column(name="circuit"), Column(name="n", kind="count"),
            *(Column(name=word, kind="count") for word in words),
        ),
        rows=lines,
    )  # fmt: skip
