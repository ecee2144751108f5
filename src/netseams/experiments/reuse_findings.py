"""What the rows of `reuse` say."""

from collections.abc import Sequence
from typing import Any

from netseams.evaluation import SeedSummary
from netseams.experiments.experiment import Column, Experiment, Findings, Row, Table
from netseams.experiments.seeds import by_seed, in_words, paired, summary

Value = str | float | SeedSummary | None
_NUMBERS = ("overlap", "transfer", "reused")


def reuse_findings(
    experiment: Experiment[Any], seeds: Sequence[int], arms: Sequence[str], rows: Sequence[Row]
) -> Findings:
    """Tables over seeds, and the answer in words."""
    pairs = [row for row in rows if row["what"] == "pair"]
    circuits = [row for row in rows if row["what"] == "circuit"]
    languages = list(dict.fromkeys(row["language"] for row in circuits))
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=[_answer(pairs, language, arms) for language in languages],
        tables=[_circuits(circuits), _scores(pairs, circuits), *_excess(pairs, languages, arms)],
        notes=(
            "Overlap is of channels inside attention and MLPs; 0 is chance, 1 a subset.",
            "A pair counts where both searches reached their target; a seed without such a pair "
            "has no value.",
            "Reuse of different operations is what any two tasks share; a language without "
            "different operations has only its untrained twin to be held against.",
        ),
        n_seeds=len(seeds),
    )


def _places(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    return list(dict.fromkeys((r["language"], r["arm"], r["network"]) for r in rows))


def _at(rows: Sequence[Row], place: tuple[str, str, str]) -> list[Row]:
    return [r for r in rows if (r["language"], r["arm"], r["network"]) == place]


def _circuits(circuits: Sequence[Row]) -> Table:
    rows: list[list[Value]] = []
    for place in _places(circuits):
        here = _at(circuits, place)
        reached = [r for r in here if r["nodes"] is not None]
        rows.append(
            [
                *place,
                summary(by_seed(here, "accuracy"), f"{place} accuracy"),
                f"{sum(r['learned'] for r in here)}/{len(here)}",
                f"{len(reached)}/{len(here)}",
                summary(by_seed(reached, "nodes"), f"{place} nodes"),
                summary(by_seed(reached, "edges"), f"{place} edges"),
            ]
        )
    return Table(
        title="Networks and circuits",
        columns=(
            Column(name="language"), Column(name="arm"), Column(name="network"),
            Column(name="accuracy", kind="accuracy"), Column(name="learned"),
            Column(name="reached"), Column(name="nodes", kind="count"),
            Column(name="edges", kind="count"),
        ),
        rows=rows,
    )  # fmt: skip


def _scores(pairs: Sequence[Row], circuits: Sequence[Row]) -> Table:
    rows: list[list[Value]] = []
    for place in _places(circuits):
        for kind in ("same", "different"):
            here = [r for r in _at(pairs, place) if r["kind"] == kind]
            if not here:
                continue
            numbers = [summary(by_seed(here, key), f"{place} {kind} {key}") for key in _NUMBERS]
            rows.append([*place, kind, f"{len(here)}", *numbers])
    return Table(
        title="Pairs of circuits",
        columns=(
            Column(name="language"), Column(name="arm"), Column(name="network"),
            Column(name="operation"), Column(name="pairs"),
            *(Column(name=key, kind="relative") for key in _NUMBERS),
        ),
        rows=rows,
        note="overlap: IoMin, corrected for chance. transfer: of what the own task loses without "
        "the circuit, the share that the other's task loses, beyond random masks.",
    )  # fmt: skip


def excess_by_seed(pairs: Sequence[Row], key: str) -> dict[int, float]:
    """Same minus different, by seed; of a language without different pairs, same alone."""
    same = by_seed([r for r in pairs if r["kind"] == "same"], key)
    other = [r for r in pairs if r["kind"] == "different"]
    if not other:
        return same
    different = by_seed(other, key)
    return {seed: value - different[seed] for seed, value in same.items() if seed in different}


def _differences(
    pairs: Sequence[Row], language: str, arm: str, reference: str, key: str
) -> dict[int, float]:
    ours, theirs = (
        excess_by_seed(_at(pairs, (language, name, "trained")), key) for name in (arm, reference)
    )
    return paired(ours, theirs)


def _excess(pairs: Sequence[Row], languages: Sequence[str], arms: Sequence[str]) -> list[Table]:
    rows: list[list[Value]] = []
    for language in languages:
        for arm in arms:
            here = _at(pairs, (language, arm, "trained"))
            label = f"{language} {arm}"
            own: list[Value] = [
                summary(excess_by_seed(here, key), f"{label} {key}") for key in _NUMBERS
            ]
            rows.append([language, arm, *own])
        for arm in arms[1:]:
            found = [_differences(pairs, language, arm, arms[0], key) for key in _NUMBERS]
            numbers: list[Value] = [
                summary(d, f"{language} {arm} minus {key}")
                for d, key in zip(found, _NUMBERS, strict=True)
            ]
            rows.append([language, f"{arm} minus {arms[0]}", *numbers])
    return [
        Table(
            title="Same operation minus different ones, trained networks",
            columns=(
                Column(name="language"), Column(name="arm"),
                *(Column(name=key, kind="relative") for key in _NUMBERS),
            ),
            rows=rows,
        )
    ]  # fmt: skip


def _answer(pairs: Sequence[Row], language: str, arms: Sequence[str]) -> str:
    said: list[str] = []
    for arm in arms[1:]:
        found = _differences(pairs, language, arm, arms[0], "reused")
        if found:
            said.append(f"reuse is {_difference(found, language, arm, arms[0])}")
            continue
        text = f"reuse of {arm} against {arms[0]} has no value in any seed"
        overlap = _differences(pairs, language, arm, arms[0], "overlap")
        if overlap:
            text += (
                ": removing a circuit costs no more than removing as many random nodes, so "
                "nothing can be said to be transferred. Overlap alone, which is not the primary "
                f"metric, is {_difference(overlap, language, arm, arms[0])}"
            )
        said.append(text)
    return f"{language}: " + "; ".join(said) + "."


def _difference(found: dict[int, float], language: str, arm: str, reference: str) -> str:
    text = in_words(found, f"{language} {arm} answer", f" in {arm} against {reference}")
    return f"{text}, {len(found)} paired seeds"
