"""Circuits of weight-sparse networks are smaller at equal loss: in edges, and in their share.

A network with few weights has few edges before anything is selected. The second condition asks
whether more than that is true: the same ratio, of the shares of the network's edges.
"""

import math
from collections.abc import Sequence

from netseams.claims.audit_rows import DENSE, SPARSE, pairs, trained
from netseams.claims.claim import Claim, Counts, Prediction, Values, add_claim
from netseams.experiments import Row

_CONDITIONS = ("edges", "selection")

CLAIM = Claim(
    id="smaller_at_equal_loss",
    statement="At equal loss the circuits of weight-sparse networks are smaller than those of "
    "dense ones, by about sixteen times in edges.",
    source="Gao, Rajaram, Coxon, Govande, Baker and Mossing, Weight-sparse transformers have "
    "interpretable circuits",
    date="2025-11",
    arxiv_ids=("2511.13653",),
    prediction=Prediction(
        experiment="audits",
        metric="logarithm of a dense circuit's edges over those of the weight-sparse network's "
        "circuit of the same task at equal loss, mean over the tasks of a seed found in both; as "
        "selection, the same of the shares of the networks' edges",
        unit="natural logarithm of a ratio",
        smallest_effect=math.log(2),
        conditions=_CONDITIONS,
    ),
    would_change_it="Arms of equal density (pruned after training, or on random places), searches "
    "over single weights in place of nodes, or another loss at which sizes are compared.",
)


def values(rows: Sequence[Row]) -> Values:
    """Mean log ratio of every seed; without `edges_in_network` there is no selection."""
    found: Values = {condition: {} for condition in _CONDITIONS}
    for (seed, _), (dense, sparse) in pairs(rows).items():
        for condition in _CONDITIONS:
            here = found[condition].setdefault(seed, [])
            ours, theirs = (_size(row, condition) for row in (sparse, dense))
            if ours is not None and theirs is not None:
                here.append(math.log(theirs / ours))
    return {
        condition: {seed: [sum(v) / len(v)] if v else [] for seed, v in seeds.items()}
        for condition, seeds in found.items()
    }


def counts(rows: Sequence[Row]) -> dict[str, Counts]:
    """Tasks of which both circuits are there; one without an edge has no ratio."""
    both = list(pairs(rows).values())
    cases = trained(rows, DENSE, SPARSE)
    return {
        condition: Counts(
            things="pairs of circuits with edges",
            n=len(both),
            missing=sum(any(_size(row, condition) is None for row in pair) for pair in both),
            missing_are="left out",
            cases=len(cases),
            not_learned=sum(not row["learned"] for row in cases),
        )
        for condition in _CONDITIONS
    }


def _size(row: Row | None, condition: str) -> float | None:
    """Edges, or their share of the network's; None of no circuit, or of one without an edge."""
    if row is None or not row["found"] or not row["edges"]:
        return None
    if condition == "edges":
        return row["edges"]
    whole = row.get("edges_in_network")
    return row["edges"] / whole if whole else None


add_claim(CLAIM, values, counts)
