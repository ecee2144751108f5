"""Emergent modules are brittle where forced ones are robust."""

from collections.abc import Sequence

from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.experiments import Row
from netseams.experiments.probe_findings import advantage, is_module

_ARMS = ("half_of_channels", "half_of_layers")

CLAIM = Claim(
    id="forced_is_robust",
    statement="Emergent modules may be brittle underneath where forced ones are robust: after "
    "equal damage more is left of a module of weight-sparse parts than of one of ordinary parts.",
    source="Research note: How do sparse circuits compare to the modular subnetworks that emerge "
    "naturally?",
    date="2026",
    arxiv_ids=("2511.13653", "2301.10884"),
    prediction=Prediction(
        experiment="probe",
        metric="area under the share of a module's specificity that is left, over the logarithm "
        "of damage (KL divergence of the network's answers, .1 to 2 nats); a task's module in the "
        "weight-sparse half minus that in the ordinary half of the same network, mean over tasks "
        "and damages for which both halves have one, paired by seed",
        unit="share of specificity",
        smallest_effect=0.1,
        conditions=_ARMS,
    ),
    would_change_it="Larger networks or other languages, stronger damage, modules found by another "
    "method, and halves of which neither is weak enough to leave the work to the other.",
)


def _left(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["what"] == "left"]


def values(rows: Sequence[Row]) -> Values:
    """Sparse minus dense half of every seed in which both have a module."""
    found: Values = {}
    for arm in _ARMS:
        differences = advantage(_left(rows), arm)
        seeds = sorted({row["seed"] for row in rows if row["arm"] == arm})
        found[arm] = {s: [differences[s]] if s in differences else [] for s in seeds}
    return found


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Modules, and those that are specific enough to lose something."""
    found: dict[str, Counts] = {}
    for arm in _ARMS:
        modules = {
            (row["seed"], row["task"], row["half"]): row
            for row in _left(rows)
            if row["arm"] == arm and row["of"] == "module"
        }
        learned = [row for row in rows if row["what"] == "learned" and row["arm"] == arm]
        found[arm] = Counts(
            things="modules",
            n=len(modules),
            missing=sum(not is_module(row) for row in modules.values()),
            missing_are="left out",
            cases=len(learned),
            not_learned=sum(not row["learned"] for row in learned),
        )
    return found


add_claim(CLAIM, values, counts)
