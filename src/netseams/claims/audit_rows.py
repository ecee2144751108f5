"""What claims on the experiment `audits` share: its rows, one for every network and task."""

from collections.abc import Callable, Iterable, Sequence

from netseams.claims.claim import Counts
from netseams.experiments import Row

DENSE, SPARSE = "dense", "weight_sparse"


def trained(rows: Sequence[Row], *arms: str) -> list[Row]:
    """Rows of trained networks of some arms."""
    return [row for row in rows if row["network"] == "trained" and row["arm"] in arms]


def passes(row: Row, *tests: str) -> bool:
    """Whether a circuit was found and passed all of these; a test that was not asked is no pass."""
    results = row["tests"] if row["found"] else {}
    return all(results.get(name, {}).get("outcome") == "pass" for name in tests)


def rung(row: Row) -> int:
    """Place of the word that the circuit earned; 0 where none was found."""
    return row["rung"] if row["found"] else 0


def mean_by_seed(rows: Iterable[Row], value: Callable[[Row], float]) -> dict[int, float]:
    """Mean over a seed's tasks."""
    found: dict[int, list[float]] = {}
    for row in rows:
        found.setdefault(row["seed"], []).append(float(value(row)))
    return {seed: sum(v) / len(v) for seed, v in sorted(found.items())}


def share_by_seed(rows: Sequence[Row], good: Callable[[Row], bool]) -> dict[int, list[float]]:
    """Share of the weight-sparse circuits of a seed that are good, as its only value."""
    return {s: [v] for s, v in mean_by_seed(trained(rows, SPARSE), good).items()}


def pairs(rows: Sequence[Row]) -> dict[tuple[int, str], tuple[Row | None, Row | None]]:
    """(seed, task) -> dense row and weight-sparse row of the trained networks."""
    arms: list[dict[tuple[int, str], Row]] = [
        {(row["seed"], row["task"]): row for row in trained(rows, arm)} for arm in (DENSE, SPARSE)
    ]
    keys = sorted(arms[0].keys() | arms[1].keys())
    return {key: (arms[0].get(key), arms[1].get(key)) for key in keys}


def circuit_counts(rows: Sequence[Row], *arms: str) -> Counts:
    """Of the trained networks' circuits, where one that was not found is a failure."""
    some = trained(rows, *arms)
    return Counts(
        things="circuits",
        n=len(some),
        missing=sum(not row["found"] for row in some),
        missing_are="failures",
        cases=len(some),
        not_learned=sum(not row["learned"] for row in some),
    )
