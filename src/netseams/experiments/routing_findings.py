"""What the rows of `routing` say."""

from collections.abc import Sequence
from typing import Any

from netseams.evaluation import SeedSummary
from netseams.experiments.experiment import Column, Experiment, Findings, Kind, Row, Table
from netseams.experiments.seeds import by_seed, in_words, paired, summary

Value = str | float | SeedSummary | None
_NUMBERS: dict[str, Kind] = {
    "accuracy": "accuracy",
    "without_own": "accuracy",
    "without_others": "accuracy",
    "nodes": "count",
    "channels": "count",
    "inside": "relative",
}


def routing_findings(
    experiment: Experiment[Any], seeds: Sequence[int], arms: Sequence[str], rows: Sequence[Row]
) -> Findings:
    """Tables over seeds, and the answer in words."""
    channels = [row for row in rows if row["method"] == "node_masks"]
    tasks = dict.fromkeys(row["task"] for row in rows)
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=[_answer(channels, arms)],
        tables=[
            _table(channels, None), *(_table(channels, task) for task in tasks), _methods(rows),
        ],
        notes=(
            "without_own, without_others: accuracy with the function's part, or with all other "
            "parts, replaced by their means.",
            "inside: share of the circuit's channels in heads and neurons that lie in that part; "
            "of a circuit of weights, of the weights that compute them; of one of links, of heads. "
            f"Chance: {rows[0]['part_share']:.2f}, the part's share of all such channels.",
            "shuffled: the trained network, asked for labels that were dealt out anew.",
            "In a dense network the parts were cut in the same way and mean nothing.",
        ),
        n_seeds=len(seeds),
    )  # fmt: skip


def _table(rows: Sequence[Row], task: str | None) -> Table:
    lines: list[list[Value]] = []
    rows = [row for row in rows if task in (None, row["task"])]
    for arm, network in dict.fromkeys((r["arm"], r["network"]) for r in rows):
        here = [r for r in rows if (r["arm"], r["network"]) == (arm, network)]
        numbers: list[Value] = [
            summary(by_seed(here, key), f"{arm} {network} {task} {key}") for key in _NUMBERS
        ]
        reached = sum(r["nodes"] is not None for r in here)
        lines.append([arm, network, f"{reached}/{len(here)}", *numbers])
    return Table(
        title="Parts and circuits" if task is None else f"Task {task}",
        columns=(
            Column(name="arm"), Column(name="network"), Column(name="reached"),
            *(Column(name=key.replace("_", " "), kind=kind) for key, kind in _NUMBERS.items()),
        ),
        rows=lines,
    )  # fmt: skip


def _methods(rows: Sequence[Row]) -> Table:
    lines: list[list[Value]] = []
    for method, arm, network in dict.fromkeys((r["method"], r["arm"], r["network"]) for r in rows):
        here = [r for r in rows if (r["method"], r["arm"], r["network"]) == (method, arm, network)]
        inside = summary(by_seed(here, "inside"), f"{method} {arm} {network} inside")
        reached = sum(r["nodes"] is not None for r in here)
        lines.append([method, arm, network, f"{reached}/{len(here)}", inside])
    return Table(
        title="Every method",
        columns=(
            Column(name="method"), Column(name="arm"), Column(name="network"),
            Column(name="reached"), Column(name="inside", kind="relative"),
        ),
        rows=lines,
        note="Methods beside node masks are at their defaults.",
    )  # fmt: skip


def excess_by_seed(rows: Sequence[Row], arm: str) -> dict[int, float]:
    """Share of a trained network's circuits inside the part, minus the part's, by seed."""
    here = [r for r in rows if (r["arm"], r["network"]) == (arm, "trained")]
    beyond = [
        {**r, "beyond": r["inside"] - r["part_share"]} for r in here if r["inside"] is not None
    ]
    return by_seed(beyond, "beyond")


def _answer(rows: Sequence[Row], arms: Sequence[str]) -> str:
    said = [
        f"{arm} circuits lie in the part of their function beyond chance by "
        + in_words(excess_by_seed(rows, arm), f"{arm} beyond")
        for arm in arms
    ]
    reference = excess_by_seed(rows, arms[0])
    for arm in arms[1:]:
        differences = paired(excess_by_seed(rows, arm), reference)
        said.append(f"{arm} minus {arms[0]}: " + in_words(differences, f"{arm} minus {arms[0]}"))
    return "; ".join(said) + "."
