"""What the rows of `separation` say: the published statistics, and the corrected ones."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from netseams.evaluation import (
    SeedSummary,
    SubroutineScores,
    mean,
    share_passing,
    summarize_seeds,
)
from netseams.experiments.experiment import Column, Experiment, Findings, Row, Table

Value = Callable[[SubroutineScores], float | None]
_MASKS = {"labels": "as published", "necessity": "removal", "phantom": "phantom removal"}


def separation_findings(experiment: Experiment[Any], n_seeds: int, rows: Sequence[Row]) -> Findings:
    """Tables over seeds, and the answer in words."""
    masks = [_Mask(row) for row in rows if row["what"] == "mask"]
    networks = [row for row in rows if row["what"] == "network"]
    places = list(dict.fromkeys((m.medium, m.condition) for m in masks))
    return Findings(
        experiment=experiment.name,
        question=experiment.question,
        primary_metric=experiment.primary_metric,
        answer=_answer(masks, places),
        tables=[
            _networks(networks, places),
            _published(masks, places),
            *(_corrected(masks, places, kind) for kind in _MASKS),
        ],
        notes=(
            "A row that a search did not reach has no scores; its share is in the table.",
            "Networks that did not learn their composite rule stay in every mean.",
            "Untrained networks have a subroutine only as far as an untrained encoder separates "
            "its items; where they have none of it, a drop does not exist and is left out.",
        ),
        n_seeds=n_seeds,
    )


class _Mask:
    """One search and its scores."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.medium, self.condition = row["medium"], row["condition"]
        self.kind, self.seed = row["mask"], row["seed"]
        stored = row.get("scores")
        self.scores = None if stored is None else SubroutineScores.model_validate(stored)


def _over_seeds(masks: Iterable[_Mask], value: Value, label: str) -> SeedSummary | None:
    """Mean over rules and subroutines of a seed, then over seeds."""
    by_seed: dict[int, list[float]] = {}
    for m in masks:
        found = None if m.scores is None else value(m.scores)
        if found is not None:
            by_seed.setdefault(m.seed, []).append(found)
    means = {seed: [sum(v) / len(v)] for seed, v in by_seed.items()}
    return summarize_seeds(means, label) if means else None


def _networks(networks: list[Row], places: list[tuple[str, str]]) -> Table:
    kinds = ("composite", "mask_a", "mask_b", "test_a", "test_b")
    rows: list[list[str | float | SeedSummary | None]] = []
    for medium, condition in places:
        here = [r for r in networks if (r["medium"], r["condition"]) == (medium, condition)]
        for rule in dict.fromkeys(r["rule"] for r in here):
            cells: list[str | float | SeedSummary | None] = [medium, condition, rule]
            some = [r for r in here if r["rule"] == rule]
            for kind in kinds:
                values = {r["seed"]: [r["accuracy"][kind]] for r in some}
                cells.append(summarize_seeds(values, f"{medium} {condition} {rule} {kind}"))
            rows.append(cells)
    return Table(
        title="Accuracy of the whole networks; chance is 25 %",
        columns=(
            Column(name="medium"), Column(name="network"), Column(name="rule"),
            *(Column(name=kind, kind="accuracy") for kind in kinds),
        ),
        rows=rows,
        note="mask_a and mask_b are what labels masks are trained on: a network far below 100 % "
        "there does not do what its mask is trained for (function drift).",
    )  # fmt: skip


def _published(masks: list[_Mask], places: list[tuple[str, str]]) -> Table:
    columns: dict[str, Value] = {
        "alone, own": lambda s: s.alone_target,
        "alone, other": lambda s: s.alone_other,
        "without, own": lambda s: s.without_target,
        "without, other": lambda s: s.without_other,
        "D_sub": lambda s: s.d_sub,
        "D_abl": lambda s: s.d_abl,
    }
    rows: list[list[str | float | SeedSummary | None]] = []
    for medium, condition in places:
        here = _some(masks, medium, condition, "labels")
        cells: list[str | float | SeedSummary | None] = [medium, condition]
        cells += [_over_seeds(here, v, f"{medium} {condition} {n}") for n, v in columns.items()]
        scores = [m.scores for m in here if m.scores is not None]
        cells += [share_passing(scores) if scores else None]
        cells += [mean([m.row["share"] for m in here if m.scores is not None])]
        cells += [f"{sum(m.row['drift'] == 'fine_tuning' for m in here)}/{len(here)}"]
        rows.append(cells)
    return Table(
        title="The published test: masks trained on labels, zero ablation",
        columns=(
            Column(name="medium"), Column(name="network"),
            *(Column(name=n, kind="accuracy") for n in list(columns)[:4]),
            Column(name="D_sub", kind="relative"), Column(name="D_abl", kind="relative"),
            Column(name="both pass", kind="share"), Column(name="weights kept", kind="share"),
            Column(name="fine-tuning"),
        ),
        rows=rows,
        note="Ideal: D_sub .75, D_abl -.75. Both pass: D_sub at least .2 and D_abl at most -.2 "
        "(a threshold of ours). Fine-tuning: the whole network does not do what the mask is "
        "trained for.",
    )  # fmt: skip


def _corrected(masks: list[_Mask], places: list[tuple[str, str]], kind: str) -> Table:
    columns: dict[str, Value] = {
        "own lost": lambda s: s.own_drop,
        "other lost": lambda s: s.other_drop,
        "own minus other": lambda s: s.own_minus_other,
        "beyond random": lambda s: s.lifted_own_minus_other,
    }
    rows: list[list[str | float | SeedSummary | None]] = []
    for medium, condition in places:
        here = _some(masks, medium, condition, kind)
        reached = [m for m in here if m.scores is not None]
        cells: list[str | float | SeedSummary | None] = [medium, condition]
        cells += [f"{len(reached)}/{len(here)}"]
        cells += [
            _over_seeds(here, v, f"{kind} {medium} {condition} {n}") for n, v in columns.items()
        ]
        cells += [mean([m.row["share"] for m in reached]), _alone(reached)]
        rows.append(cells)
    return Table(
        title=f"What is lost without the mask: {_MASKS[kind]}",
        columns=(
            Column(name="medium"), Column(name="network"), Column(name="reached"),
            *(Column(name=n, kind="relative") for n in columns),
            Column(name="weights", kind="share"), Column(name="only its function breaks"),
        ),
        rows=rows,
        note="In shares of what the network has above chance. Only its function breaks: own lost "
        "at least half, other lost at most a tenth. A network without the function reaches "
        "a removal target by removing nothing.",
    )  # fmt: skip


def breaks_alone(scores: SubroutineScores) -> bool:
    """At least half of its own function is lost, at most a tenth of the other."""
    own, other = scores.own_drop, scores.other_drop
    return own is not None and other is not None and own >= 0.5 and other <= 0.1


def _alone(masks: list[_Mask]) -> str:
    return f"{sum(m.scores is not None and breaks_alone(m.scores) for m in masks)}/{len(masks)}"


def _answer(masks: list[_Mask], places: list[tuple[str, str]]) -> list[str]:
    said: list[str] = []
    for medium in dict.fromkeys(m for m, _ in places):
        conditions = [c for m, c in places if m == medium]
        if {"scratch", "pretrained"} <= set(conditions):
            said.append(_pretraining(masks, medium))
        for condition in conditions:
            here = _some(masks, medium, condition, "labels")
            scores = [m.scores for m in here if m.scores is not None]
            removal = [
                m for m in _some(masks, medium, condition, "necessity") if m.scores is not None
            ]
            if not here:
                continue
            published = f"{sum(s.passes for s in scores)} of {len(here)}"
            alone = sum(m.scores is not None and breaks_alone(m.scores) for m in removal)
            said.append(
                f"{medium}, {condition}: both published statistics pass in {published} masks; "
                f"taking a subroutine's own weights away breaks it and not the other in "
                f"{sum(breaks_alone(s) for s in scores)} of {len(here)} published masks and in "
                f"{alone} of {len(_some(masks, medium, condition, 'necessity'))} masks trained "
                "for that."
            )
    return said


def _pretraining(masks: list[_Mask], medium: str) -> str:
    by_seed: dict[str, dict[int, float]] = {}
    for condition in ("scratch", "pretrained"):
        values: dict[int, list[float]] = {}
        for m in _some(masks, medium, condition, "labels"):
            found = None if m.scores is None else m.scores.lifted_own_minus_other
            if found is not None:
                values.setdefault(m.seed, []).append(found)
        by_seed[condition] = {seed: sum(v) / len(v) for seed, v in values.items()}
    seeds = sorted(by_seed["scratch"].keys() & by_seed["pretrained"].keys())
    if not seeds:
        return f"{medium}: no seed has masks of both a scratch and a pretrained network."
    differences = {s: [by_seed["pretrained"][s] - by_seed["scratch"][s]] for s in seeds}
    found = summarize_seeds(differences, f"pretraining {medium}")
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f", 95 % interval {found.low:+.2f} .. {found.high:+.2f}"
    return (
        f"{medium}: own minus other loss beyond random masks is {found.value:+.2f} higher in "
        f"pretrained networks than in those from scratch ({len(seeds)} paired seeds{interval})."
    )


def _some(masks: list[_Mask], medium: str, condition: str, kind: str) -> list[_Mask]:
    return [m for m in masks if (m.medium, m.condition, m.kind) == (medium, condition, kind)]
