"""Insisting on structure is the only way to be sure of it: forced circuits earn more."""

from collections.abc import Sequence

from netseams.claims.audit_rows import DENSE, SPARSE, circuit_counts, mean_by_seed, rung, trained
from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.experiments import Row
from netseams.experiments.seeds import paired

CLAIM = Claim(
    id="only_insisting",
    statement="Insisting on modularity, in place of waiting for it, is the only way to be sure "
    "that the structure one sees does the work.",
    source="Research note: How do sparse circuits compare to the modular subnetworks that emerge "
    "naturally?",
    date="2026",
    arxiv_ids=("2301.10884", "2511.13653"),
    prediction=Prediction(
        experiment="audits",
        metric="mean rung (0 to 5) that the audits of a seed's circuits reach; trained weight-"
        "sparse networks minus dense ones, paired by seed; a circuit that was not found is on "
        "rung 0",
        unit="rungs",
        smallest_effect=0.5,
        conditions=("tasks",),
    ),
    would_change_it="Supported, it says that forced circuits earn more, and not yet that nothing "
    "else does: dense circuits on a high rung, in the table of the experiment, speak against "
    "'only'. Arms of equal density would say what of it is due to few weights.",
)


def values(rows: Sequence[Row]) -> Values:
    """Weight-sparse minus dense of every seed that has both."""
    ours, theirs = (mean_by_seed(trained(rows, arm), rung) for arm in (SPARSE, DENSE))
    differences = paired(ours, theirs)
    seeds = sorted(ours.keys() | theirs.keys())
    return {"tasks": {s: [differences[s]] if s in differences else [] for s in seeds}}


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Circuits of both arms."""
    return {"tasks": circuit_counts(rows, DENSE, SPARSE)}


add_claim(CLAIM, values, counts)
