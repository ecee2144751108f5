"""Pretraining makes emergent modules more consistent: the experiment's own primary metric."""

from collections.abc import Sequence

from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.evaluation import SubroutineScores, is_learned
from netseams.experiments import Row
from netseams.experiments.seeds import by_seed, paired
from netseams.tasks.odd_one_out import CHANCE

_MEDIUM = "language"
_ARMS = ("pretrained", "scratch")

CLAIM = Claim(
    id="pretraining_consistency",
    statement="Pretraining makes the modular structure of a network more consistent.",
    source="Lepori, Serre and Pavlick, Break It Down: Evidence for Structural Compositionality in "
    "Neural Networks",
    date="2023-01",
    arxiv_ids=("2301.10884",),
    prediction=Prediction(
        experiment="separation",
        metric="share of its own subroutine that is lost without the weights of a labels mask, "
        "minus the share of the other, minus the same of random masks of equal size; mean over "
        "the masks of a seed; pretrained minus scratch, paired by seed",
        unit="share of a subroutine",
        smallest_effect=0.1,
        conditions=(_MEDIUM,),
    ),
    would_change_it="Seeds in which both networks have masks (a search that misses its target "
    "leaves no value), a pretrained image network, or masks trained for removal, by which "
    "pretrained networks were easier to take apart.",
)


def values(rows: Sequence[Row]) -> Values:
    """Pretrained minus scratch of every seed in which both have a mask."""
    ours, theirs = (
        by_seed([{"seed": r["seed"], "lifted": _lifted(r)} for r in _masks(rows, arm)], "lifted")
        for arm in _ARMS
    )
    differences = paired(ours, theirs)
    seeds = sorted({row["seed"] for arm in _ARMS for row in _masks(rows, arm)})
    return {_MEDIUM: {s: [differences[s]] if s in differences else [] for s in seeds}}


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Masks and networks of both arms."""
    masks = [row for arm in _ARMS for row in _masks(rows, arm)]
    networks = [
        row["accuracy"]["composite"]
        for row in rows
        if row["what"] == "network" and row["medium"] == _MEDIUM and row["condition"] in _ARMS
    ]
    found = Counts(
        things="masks",
        n=len(masks),
        missing=sum(_lifted(row) is None for row in masks),
        missing_are="left out",
        cases=len(networks),
        not_learned=sum(not is_learned(accuracy, CHANCE) for accuracy in networks),
    )
    return {_MEDIUM: found}


def _masks(rows: Sequence[Row], arm: str) -> list[Row]:
    return [
        row
        for row in rows
        if row["what"] == "mask"
        and (row["medium"], row["condition"], row["mask"]) == (_MEDIUM, arm, "labels")
    ]


def _lifted(row: Row) -> float | None:
    scores = row.get("scores")
    if scores is None:
        return None
    return SubroutineScores.model_validate(scores).lifted_own_minus_other


add_claim(CLAIM, values, counts)
