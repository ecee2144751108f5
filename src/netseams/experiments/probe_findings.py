"""What the rows of `probe` say."""

from collections.abc import Sequence
from typing import Any

from netseams.evaluation import SeedSummary
from netseams.evaluation.probe import BRITTLE, LEAST, ROBUST, area, word_of_area
from netseams.experiments.experiment import Column, Experiment, Findings, Row, Table
from netseams.experiments.seeds import by_seed, in_words, paired, summary

Value = str | float | SeedSummary | None
_KINDS = {True: "sparse", False: "dense"}


def probe_findings(
    experiment: Experiment[Any], seeds: Sequence[int], arms: Sequence[str], rows: Sequence[Row]
) -> Findings:
    """Areas, curves and overlaps of both kinds of half in every arm."""
    left = [row for row in rows if row["what"] == "left"]
    again = [row for row in rows if row["what"] == "found again"]
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=_answer(left, again, arms),
        tables=[
            _areas(left, arms), _curves(left, arms), _overlaps(again, arms), _searches(rows, arms),
        ],
        notes=(
            f"Robust from an area of {ROBUST} on, brittle below {BRITTLE}; a module with less than "
            f"{LEAST} of specificity before damage, or no more than the best of a few random "
            "masks, has no share that could be left.",
            "A damage that cannot be made to move the answers so far leaves no value.",
            "Random places: as many at every site of the same half, held to the same rule.",
            "Specificity often rises with damage, since a network that is less sure misses a part "
            "more; shares are cut at 1.",
            "Matched networks have no sparse half: both halves of the weight-sparse one are held "
            "against both of the dense one.",
        ),
        n_seeds=len(seeds),
    )  # fmt: skip


def areas_by_seed(
    rows: Sequence[Row], arm: str, forced: bool, of: str = "module", damage: str | None = None
) -> dict[int, float]:
    """Training seed -> mean area over tasks, halves and damages that have one."""
    found = _areas_of(rows, arm, forced, of, damage)
    return by_seed([{"seed": key[0], "area": value} for key, value in found.items()], "area")


def advantage(rows: Sequence[Row], arm: str) -> dict[int, float]:
    """Area of the sparse half's module minus that of the dense half's, by seed: mean over tasks and
    damages for which both halves have one."""
    sparse, dense = (
        {(seed, task, damage): value for (seed, task, _, damage), value in found.items()
         if value is not None}
        for found in (_areas_of(rows, arm, True), _areas_of(rows, arm, False))
    )  # fmt: skip
    pairs = [{"seed": key[0], "area": sparse[key] - dense[key]} for key in sparse if key in dense]
    return by_seed(pairs, "area")


def _areas_of(
    rows: Sequence[Row], arm: str, forced: bool, of: str = "module", damage: str | None = None
) -> dict[tuple[int, str, str, str], float | None]:
    """(seed, task, half, damage) -> area."""
    curves: dict[tuple[int, str, str, str], dict[float, float | None]] = {}
    for row in rows:
        if (row["arm"], row["forced"], row["of"]) != (arm, forced, of):
            continue
        if damage in (None, row["damage"]):
            key = (row["seed"], row["task"], row["half"], row["damage"])
            curves.setdefault(key, {})[row["nats"]] = row["share"]
    return {key: area(curve) for key, curve in curves.items()}


def _kinds(rows: Sequence[Row], arm: str) -> list[bool]:
    return sorted({row["forced"] for row in rows if row["arm"] == arm}, reverse=True)


def _answer(left: Sequence[Row], again: Sequence[Row], arms: Sequence[str]) -> list[str]:
    said: list[str] = []
    for arm in arms:
        for forced in _kinds(left, arm):
            values = areas_by_seed(left, arm, forced)
            found = summary(values, f"{arm} {forced} area")
            word = word_of_area(found.value if found else None)
            said.append(
                f"{arm}, {_KINDS[forced]}: area {in_words(values, f'{arm} {forced} area')}: {word}."
            )
        if len(_kinds(left, arm)) == 2:
            values = advantage(left, arm)
            said.append(
                f"{arm}, sparse minus dense half: {in_words(values, f'{arm} advantage')}, "
                f"{len(values)} paired seeds."
            )
    whole = {arm: _kinds(left, arm) for arm in arms}
    forced = next((arm for arm in arms if whole[arm] == [True]), None)
    plain = next((arm for arm in arms if whole[arm] == [False]), None)
    if forced is not None and plain is not None:
        values = paired(areas_by_seed(left, forced, True), areas_by_seed(left, plain, False))
        said.append(
            f"{forced} minus {plain}, two networks: {in_words(values, 'matched')}, "
            f"{len(values)} paired seeds."
        )
    return said


def _areas(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    damages = list(dict.fromkeys(row["damage"] for row in rows))
    lines: list[list[Value]] = []
    for arm in arms:
        for forced in _kinds(rows, arm):
            for of in ("module", "random"):
                here = [r for r in rows if (r["arm"], r["forced"], r["of"]) == (arm, forced, of)]
                one = [
                    r for r in here if r["nats"] == here[0]["nats"] and r["damage"] == damages[0]
                ]
                with_value = sum(r["before"] >= LEAST and r["before"] > r["chance"] for r in one)
                label = f"{arm} {forced} {of}"
                lines.append([
                    arm, _KINDS[forced], of, summary(by_seed(one, "places"), f"{label} places"),
                    summary(by_seed(one, "before"), f"{label} before"),
                    f"{with_value}/{len(one)}",
                    summary(areas_by_seed(rows, arm, forced, of), f"{label} area"),
                    *(
                        summary(areas_by_seed(rows, arm, forced, of, d), f"{label} {d}")
                        for d in damages
                    ),
                ])  # fmt: skip
    return Table(
        title="Areas",
        columns=(
            Column(name="arm"), Column(name="half"), Column(name="places of"),
            Column(name="places", kind="count"), Column(name="specificity", kind="relative"),
            Column(name="specific"), Column(name="area", kind="relative"),
            *(Column(name=damage.replace("_", " "), kind="relative") for damage in damages),
        ),
        rows=lines,
        note="specific: modules with enough specificity before damage.",
    )  # fmt: skip


def _curves(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    nats = sorted({row["nats"] for row in rows})
    damages = list(dict.fromkeys(row["damage"] for row in rows))
    lines: list[list[Value]] = []
    for damage in damages:
        for arm in arms:
            for forced in _kinds(rows, arm):
                here = [
                    r for r in rows
                    if (r["arm"], r["forced"], r["of"], r["damage"])
                    == (arm, forced, "module", damage)
                ]  # fmt: skip
                at = [[r for r in here if r["nats"] == n] for n in nats]
                label = f"{damage} {arm} {forced}"
                shares: list[Value] = [
                    summary(by_seed(r, "share"), f"{label} {n}")
                    for r, n in zip(at, nats, strict=True)
                ]
                lines.append([
                    damage.replace("_", " "), arm, _KINDS[forced],
                    *shares, summary(by_seed(at[-1], "strength"), f"{label} strength"),
                ])  # fmt: skip
    return Table(
        title="Share of specificity that is left",
        columns=(
            Column(name="damage"), Column(name="arm"), Column(name="half"),
            *(Column(name=f"{n:g} nats", kind="relative") for n in nats),
            Column(name=f"strength at {nats[-1]:g}", kind="relative"),
        ),
        rows=lines,
    )  # fmt: skip


def _overlaps(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    damages = list(dict.fromkeys(row["damage"] for row in rows))
    others = [damage for damage in damages if damage != "none"]
    lines: list[list[Value]] = []
    for arm in arms:
        for forced in _kinds(rows, arm):
            here = [r for r in rows if (r["arm"], r["forced"]) == (arm, forced)]
            label = f"{arm} {forced}"
            by_damage = {
                d: by_seed([r for r in here if r["damage"] == d], "alike") for d in damages
            }
            noise = by_damage.get("none", {})
            lines.append([
                arm, _KINDS[forced],
                *(_reached([r for r in here if r["damage"] == d]) for d in ["none", *others]),
                summary(noise, f"{label} none"),
                *(summary(paired(by_damage[d], noise), f"{label} {d}") for d in others),
                summary(by_seed(here, "random"), f"{label} random"),
            ])  # fmt: skip
    return Table(
        title="Found again",
        columns=(
            Column(name="arm"), Column(name="half"), Column(name="reached: another seed"),
            *(Column(name=d.replace("_", " ")) for d in others),
            Column(name="another seed", kind="relative"),
            *(Column(name=f"{d.replace('_', ' ')} minus that", kind="signed") for d in others),
            Column(name="random", kind="relative"),
        ),
        rows=lines,
        note="IoU of a half's places with those found again, corrected for chance: by another seed "
        "of the search in the same network, and by that other seed after damage.",
    )  # fmt: skip


def _reached(rows: Sequence[Row]) -> str:
    return f"{sum(row['reached'] for row in rows)}/{len(rows)}"


def _searches(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    lines: list[list[Value]] = []
    for arm in arms:
        here = [r for r in rows if r["what"] == "search" and r["arm"] == arm]
        lines.append([
            arm, summary(by_seed(here, "accuracy"), f"{arm} accuracy"),
            f"{sum(r['learned'] for r in here)}/{len(here)}",
            f"{sum(r['found'] for r in here)}/{len(here)}",
            summary(by_seed(here, "nodes"), f"{arm} nodes"),
            summary(by_seed(here, "edges"), f"{arm} edges"),
            f"{sum(r['untrained_found'] for r in here)}/{len(here)}",
        ])  # fmt: skip
    return Table(
        title="Circuits",
        columns=(
            Column(name="arm"), Column(name="accuracy", kind="accuracy"), Column(name="learned"),
            Column(name="found"), Column(name="nodes", kind="count"),
            Column(name="edges", kind="count"), Column(name="found in untrained twins"),
        ),
        rows=lines,
    )  # fmt: skip
