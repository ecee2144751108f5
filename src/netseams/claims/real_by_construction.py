"""Forced structure is real by construction: every circuit must earn it in its audit."""

from collections.abc import Sequence

from netseams.claims.audit_rows import SPARSE, circuit_counts, rung, share_by_seed
from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.experiments import Row

LEAST_RUNG = 3
"""`necessary and specific`."""

CLAIM = Claim(
    id="real_by_construction",
    statement="Structure that is forced into a network by sparse weights is real by construction.",
    source="Research note: How do sparse circuits compare to the modular subnetworks that emerge "
    "naturally?",
    date="2026",
    arxiv_ids=("2511.13653",),
    prediction=Prediction(
        experiment="audits",
        metric="share of a seed's circuits of trained weight-sparse networks whose audit says "
        "'necessary and specific' or more (rung 3 of 5); a circuit that was not found is on rung 0",
        unit="share of circuits",
        rule="at_least",
        reference=0.9,
        conditions=("tasks",),
    ),
    would_change_it="A control of the audit that turns out to be too strict or too easy, tasks "
    "whose parts are known, or searches that find the missing circuits.",
)


def values(rows: Sequence[Row]) -> Values:
    """The share of every seed."""
    return {"tasks": share_by_seed(rows, lambda row: rung(row) >= LEAST_RUNG)}


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Circuits of weight-sparse networks."""
    return {"tasks": circuit_counts(rows, SPARSE)}


add_claim(CLAIM, values, counts)
