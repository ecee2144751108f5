"""Circuits of weight-sparse networks are necessary and sufficient for their tasks."""

from collections.abc import Sequence

from netseams.claims.audit_rows import SPARSE, circuit_counts, passes, share_by_seed
from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.experiments import Row

_TESTS = ("sufficient", "necessary", "random_removed")

CLAIM = Claim(
    id="necessary_and_sufficient",
    statement="The circuits of weight-sparse networks are both necessary and sufficient for their "
    "tasks.",
    source="Gao, Rajaram, Coxon, Govande, Baker and Mossing, Weight-sparse transformers have "
    "interpretable circuits",
    date="2025-11",
    arxiv_ids=("2511.13653",),
    prediction=Prediction(
        experiment="audits",
        metric="share of a seed's circuits of trained weight-sparse networks that pass three tests "
        "of their audit: sufficient, necessary under every ablation, and removed at a greater cost "
        "than as many others; a circuit that was not found passes none",
        unit="share of circuits",
        rule="at_least",
        reference=0.9,
        conditions=("tasks",),
    ),
    would_change_it="Ablations under which a circuit fails (the published one is by the mean "
    "alone), tasks on real text, larger networks, or searches that find the missing circuits.",
)


def values(rows: Sequence[Row]) -> Values:
    """The share of every seed."""
    return {"tasks": share_by_seed(rows, lambda row: passes(row, *_TESTS))}


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Circuits of weight-sparse networks."""
    return {"tasks": circuit_counts(rows, SPARSE)}


add_claim(CLAIM, values, counts)
