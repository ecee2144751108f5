"""What the rows of `probe` say."""

import math
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
            _areas(left, arms), _curves(left, arms), _overlaps(again, arms), _controls(rows, arms),
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
    """(seed, task, half, damage) -> area under the mean over draws."""
    shares: dict[tuple[int, str, str, str], dict[float, list[float]]] = {}
    for row in rows:
        if (row["arm"], row["forced"], row["of"]) != (arm, forced, of):
            continue
        if damage in (None, row["damage"]):
            key = (row["seed"], row["task"], row["half"], row["damage"])
            found = shares.setdefault(key, {}).setdefault(row["nats"], [])
            found += [] if row["share"] is None else [row["share"]]
    return {
        key: area({n: math.fsum(some) / len(some) if some else None for n, some in curve.items()})
        for key, curve in shares.items()
    }


def is_module(row: Row) -> bool:
    """Whether places were specific enough to have something to lose: the rule of `Retention`."""
    return row["before"] >= LEAST and row["before"] > row["chance"]


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
                one = _before(here)
                label = f"{arm} {forced} {of}"
                lines.append([
                    arm, _KINDS[forced], of, summary(by_seed(one, "places"), f"{label} places"),
                    summary(by_seed(one, "before"), f"{label} before"),
                    f"{sum(is_module(r) for r in one)}/{len(one)}",
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


def _before(rows: Sequence[Row]) -> list[Row]:
    """One row for each module: what stood before damage is said with every damage."""
    found = {(r["arm"], r["seed"], r["task"], r["half"]): r for r in rows}
    return list(found.values())


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
                summary(noise, f"{label} none"),
                *(summary(paired(by_damage[d], noise), f"{label} {d}") for d in others),
                summary(by_seed(here, "random"), f"{label} random"),
            ])  # fmt: skip
    return Table(
        title="Found again",
        columns=(
            Column(name="arm"), Column(name="half"),
            Column(name="another seed", kind="relative"),
            *(Column(name=f"{d.replace('_', ' ')} minus that", kind="signed") for d in others),
            Column(name="random", kind="relative"),
        ),
        rows=lines,
        note="IoU of a half's places with those found again, corrected for chance: by another seed "
        "of the search in the same network, and by that other seed after damage.",
    )  # fmt: skip


def _controls(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    lines: list[list[Value]] = []
    for arm in arms:
        here = [r for r in rows if r["arm"] == arm]
        learned = [r for r in here if r["what"] == "learned"]
        trained = _before([r for r in here if r["what"] == "left" and r["of"] == "module"])
        untrained = [r for r in here if r["what"] == "untrained"]
        lines.append([
            arm, summary(by_seed(learned, "accuracy"), f"{arm} accuracy"),
            f"{sum(r['learned'] for r in learned)}/{len(learned)}",
            f"{sum(is_module(r) for r in trained)}/{len(trained)}",
            f"{sum(is_module(r) for r in untrained)}/{len(untrained)}",
            summary(by_seed(untrained, "before"), f"{arm} untrained"),
        ])  # fmt: skip
    return Table(
        title="Untrained twins",
        columns=(
            Column(name="arm"), Column(name="accuracy", kind="accuracy"), Column(name="learned"),
            Column(name="specific modules"), Column(name="of untrained twins"),
            Column(name="their specificity", kind="relative"),
        ),
        rows=lines,
    )  # fmt: skip
