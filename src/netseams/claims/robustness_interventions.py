"""Robustness interventions make unforced structure more reliable."""

from collections.abc import Sequence

from netseams.claims.audit_rows import DENSE, circuit_counts, mean_by_seed, rung, trained
from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.experiments import Row
from netseams.experiments.seeds import paired

_ARMS = ("dropout", "activity_noise", "adversarial", "clustered", "local")
"""Each trains every weight; what is forced (routed, weight-sparse) stands beside them as a row."""

CLAIM = Claim(
    id="robustness_interventions",
    statement="Robustness interventions in training (noise, adversarial inputs, prices on where "
    "weights are) have made unforced structure more reliable.",
    source="Research note: How do sparse circuits compare to the modular subnetworks that emerge "
    "naturally?",
    date="2026",
    arxiv_ids=("2512.13707", "2508.17456", "2409.15747", "2305.08746"),
    prediction=Prediction(
        experiment="pressures",
        metric="mean rung (0 to 5, of the checks that the preset asks) that the audits of a seed's "
        "circuits reach; networks trained under the intervention minus ordinary ones, paired by "
        "seed; a circuit that was not found is on rung 0",
        unit="rungs",
        smallest_effect=0.5,
        conditions=_ARMS,
    ),
    would_change_it="Other strengths of an intervention, larger networks or other languages, and "
    "checks that the preset leaves out.",
)


def values(rows: Sequence[Row]) -> Values:
    """Every intervention minus dense, of every seed that has both."""
    theirs = mean_by_seed(trained(rows, DENSE), rung)
    found: Values = {}
    for arm in _ARMS:
        ours = mean_by_seed(trained(rows, arm), rung)
        differences = paired(ours, theirs)
        seeds = sorted(ours.keys() | theirs.keys())
        found[arm] = {s: [differences[s]] if s in differences else [] for s in seeds}
    return found


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Circuits of an intervention and of ordinary networks."""
    return {arm: circuit_counts(rows, DENSE, arm) for arm in _ARMS}


add_claim(CLAIM, values, counts)
