"""Numbers of rows, by training seed."""

from collections.abc import Mapping, Sequence

from netseams.evaluation import SeedSummary, sign_flip_test, summarize_seeds
from netseams.experiments.experiment import Row


def by_seed(rows: Sequence[Row], key: str) -> dict[int, float]:
    """Mean over a seed's rows that have a value."""
    values: dict[int, list[float]] = {}
    for row in rows:
        if row[key] is not None:
            values.setdefault(row["seed"], []).append(float(row[key]))
    return {seed: sum(v) / len(v) for seed, v in values.items()}


def summary(values: Mapping[int, float], label: str) -> SeedSummary | None:
    """Mean and interval over seeds; None of nothing."""
    return summarize_seeds({s: [v] for s, v in values.items()}, label) if values else None


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> dict[int, float]:
    """Ours minus theirs, for seeds that have both."""
    return {seed: ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())}


def in_words(values: Mapping[int, float], label: str, where: str = "") -> str:
    """Mean, and where there are seeds enough its interval and an exact sign-flip test of 0."""
    found = summary(values, label)
    if found is None:
        return f"without a value{where}"
    text = f"{found.value:+.2f}{where}"
    if found.low is not None and found.high is not None:
        p = sign_flip_test(list(values.values()))
        text += f" (95 % {found.low:+.2f} .. {found.high:+.2f}, exact p {p:.3f})"
    return text
