"""Emergent modules are isolated: ablate one and only its function breaks.

Read off the masks that were trained for removal: the weights without which one subroutine goes and
the other stays. Published masks, which are trained to do the task alone, are no fairer: they are
trained on problems that the network itself does not solve, and broke both subroutines wherever they
were found.
"""

from collections.abc import Sequence

from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.evaluation import SubroutineScores, is_learned
from netseams.experiments import Row
from netseams.experiments.separation_findings import breaks_alone
from netseams.tasks.odd_one_out import CHANCE

_CONDITIONS = ("language", "vision")

CLAIM = Claim(
    id="isolated_modules",
    statement="Networks trained in the ordinary way solve a task of two parts by isolated modules: "
    "ablate one and only its function breaks.",
    source="Lepori, Serre and Pavlick, Break It Down: Evidence for Structural Compositionality in "
    "Neural Networks",
    date="2023-01",
    arxiv_ids=("2301.10884",),
    prediction=Prediction(
        experiment="separation",
        metric="share of the removal masks of a trained network without which at least half of "
        "their own subroutine is lost and at most a tenth of the other; a mask that was not found "
        "counts as none; mean over the trained networks of a seed (in language from scratch and "
        "pretrained)",
        unit="share of masks",
        rule="at_least",
        reference=0.9,
        conditions=_CONDITIONS,
    ),
    would_change_it="Longer searches that find the missing masks, other rules, or larger networks; "
    "phantom masks that can be removed as well would take the meaning from a supported verdict.",
)


def values(rows: Sequence[Row]) -> Values:
    """Condition -> seed -> mean over its trained networks, which are no draws of one kind."""
    networks: dict[tuple[str, int, str, str], list[float]] = {}
    for row in _masks(rows):
        key = (row["medium"], row["seed"], row["condition"], row["rule"])
        networks.setdefault(key, []).append(float(_alone(row)))
    shares: Values = {condition: {} for condition in _CONDITIONS}
    for (medium, seed, _, _), masks in networks.items():
        shares[medium].setdefault(seed, []).append(sum(masks) / len(masks))
    return {
        medium: {seed: [sum(v) / len(v)] for seed, v in seeds.items()}
        for medium, seeds in shares.items()
    }


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Condition -> masks and networks."""
    found: dict[str, Counts] = {}
    for medium in _CONDITIONS:
        masks = [row for row in _masks(rows) if row["medium"] == medium]
        networks = [
            row["accuracy"]["composite"]
            for row in rows
            if row["what"] == "network" and row["medium"] == medium and _is_trained(row)
        ]
        found[medium] = Counts(
            things="masks",
            n=len(masks),
            missing=sum(row.get("scores") is None for row in masks),
            missing_are="failures",
            cases=len(networks),
            not_learned=sum(not is_learned(accuracy, CHANCE) for accuracy in networks),
        )
    return found


def _masks(rows: Sequence[Row]) -> list[Row]:
    return [r for r in rows if r["what"] == "mask" and r["mask"] == "necessity" and _is_trained(r)]


def _is_trained(row: Row) -> bool:
    return row["condition"] != "untrained" and row["medium"] in _CONDITIONS


def _alone(row: Row) -> bool:
    scores = row.get("scores")
    return scores is not None and breaks_alone(SubroutineScores.model_validate(scores))


add_claim(CLAIM, values, counts)
