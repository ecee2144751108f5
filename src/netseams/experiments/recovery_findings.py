"""What the rows of `recovery` say: methods by networks."""

from collections.abc import Sequence
from typing import Any

from netseams.evaluation import mean
from netseams.experiments.experiment import Column, Experiment, Findings, Row, Table

GOOD = 0.95
"""F1 from which on a circuit counts as recovered."""

Value = Any


def recovery_findings(experiment: Experiment[Any], n_seeds: int, rows: Sequence[Row]) -> Findings:
    """One table of means, one of every network, and the answer in words."""
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=_answer(rows),
        tables=[_methods(rows), _networks(rows)],
        notes=(
            "A search that did not reach its target has an F1 of 0.",
            "Precision counts what was set for the task, recall what the task misses.",
            "Planted networks are small and exact: a method that fails here has no excuse, one "
            "that succeeds has passed the easiest test.",
        ),
        n_seeds=n_seeds,
    )


def _kinds(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["method"], row["ablation"]) for row in rows))


def _of(rows: Sequence[Row], kind: tuple[str, str]) -> list[Row]:
    return [row for row in rows if (row["method"], row["ablation"]) == kind]


def _f1(row: Row) -> float:
    return row.get("f1", 0.0)


def _methods(rows: Sequence[Row]) -> Table:
    lines: list[list[Value]] = []
    for kind in _kinds(rows):
        here = _of(rows, kind)
        n = len(here)
        reached = [row for row in here if row["reached"]]
        twins = {t: sum(row["twins"][t] for row in here) for t in here[0]["twins"]}
        lines.append(
            [
                *kind, here[0]["granularity"], mean([_f1(row) for row in here]),
                mean([row["precision"] for row in reached]),
                mean([row["recall"] for row in reached]),
                mean([row["random_f1"] for row in reached]),
                f"{sum(_f1(row) >= GOOD for row in here)}/{n}", f"{len(reached)}/{n}",
                *(f"{count}/{n}" for count in twins.values()),
                mean([row["seconds"] for row in here]),
                mean([float(row["evaluations"]) for row in here]),
                mean([float(row["sequences"]) for row in here]),
            ]
        )  # fmt: skip
    return Table(
        title="Methods, over all planted tasks",
        columns=(
            Column(name="method"), Column(name="ablation"), Column(name="finds"),
            Column(name="F1", kind="relative"), Column(name="precision", kind="relative"),
            Column(name="recall", kind="relative"), Column(name="random F1", kind="relative"),
            Column(name="recovered"), Column(name="reached"),
            *(Column(name=f"{twin} reached") for twin in rows[0]["twins"]),
            Column(name="CPU seconds", kind="relative"),
            Column(name="evaluations", kind="count"), Column(name="sequences", kind="count"),
        ),
        rows=lines,
        note=f"recovered: F1 of at least {GOOD}. redrawn, untrained: how often the same search "
        "reaches the same loss in a network without the circuit. shuffled, phantom: and in the "
        "planted network, for shuffled labels or a rule that it has no part for. evaluations: hard "
        "masks on the select split; sequences: rows run to train masks or to score parts.",
    )  # fmt: skip


def _networks(rows: Sequence[Row]) -> Table:
    kinds = _kinds(rows)
    places = list(dict.fromkeys((row["network"], row["task"]) for row in rows))
    lines: list[list[Value]] = []
    for network, task in places:
        cells: list[Value] = [network if task == network else f"{network}: {task}"]
        for kind in kinds:
            here = [r for r in _of(rows, kind) if (r["network"], r["task"]) == (network, task)]
            cells.append(mean([_f1(row) for row in here]))
        lines.append(cells)
    return Table(
        title="F1 by network",
        columns=(
            Column(name="network"),
            *(Column(name=f"{method}, {ablation}", kind="relative") for method, ablation in kinds),
        ),
        rows=lines,
    )


def _answer(rows: Sequence[Row]) -> list[str]:
    said: list[str] = []
    by_kind = {kind: _of(rows, kind) for kind in _kinds(rows)}
    for granularity in dict.fromkeys(row["granularity"] for row in rows):
        means = {
            kind: sum(map(_f1, here)) / len(here)
            for kind, here in by_kind.items()
            if here[0]["granularity"] == granularity
        }
        method, ablation = best = max(means, key=lambda kind: means[kind])
        here = by_kind[best]
        good = sum(_f1(row) >= GOOD for row in here)
        missed = [row["task"] for row in here if _f1(row) < GOOD]
        worst = f"; not {', '.join(dict.fromkeys(missed))}" if missed else ""
        said.append(
            f"{granularity}: {method} with {ablation} ablation is best, mean F1 "
            f"{means[best]:.2f}, {good} of {len(here)} planted tasks recovered{worst}."
        )
    fooled = [
        f"{method} ({ablation}) in {n} of {len(here)}"
        for (method, ablation), here in by_kind.items()
        if (n := sum(any(row["twins"].values()) for row in here))
    ]
    said.append(
        "Where there is no circuit the same search reached the same loss: "
        + (", ".join(fooled) if fooled else "never")
        + "."
    )
    return said
