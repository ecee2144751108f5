"""All that the jobs of one comparison found, with a few ways to look it up."""

from dataclasses import dataclass

from netseams.comparison.records import Measurement, RunMeasures, SearchRecord
from netseams.comparison.result import (
    CircuitRow,
    Estimate,
    Network,
    SearchRow,
    TaskFacts,
    TaskScore,
)
from netseams.evaluation import summarize_seeds


@dataclass(frozen=True)
class Evidence:
    """All that the jobs found, with a few ways to look it up."""

    tasks: list[TaskFacts]
    searches: list[SearchRecord]
    measures: list[RunMeasures]

    def circuit(
        self, corpus: str, arm: str, seed: int, network: Network, task: str, target: float,
        calibrated: bool = False,
    ) -> CircuitRow:  # fmt: skip
        """One search's circuit at one target (which it may not have reached)."""
        for record in self.searches:
            s = record.search
            if (s.corpus, s.arm, s.seed, s.network, s.task) == (corpus, arm, seed, network, task):
                return next(
                    row
                    for row in record.circuits
                    if (row.target, row.calibrated) == (target, calibrated)
                )
        raise KeyError((corpus, arm, seed, network, task))

    def names(self, corpus: str) -> list[str]:
        """The tasks that could be cut from a corpus."""
        return [t.name for t in self.tasks if t.corpus == corpus and t.missing is None]

    def calibrated(self, corpus: str) -> bool:
        """Whether searches on this corpus also give circuits with calibrated logits."""
        return any(
            row.calibrated and row.corpus == corpus
            for record in self.searches
            for row in record.circuits
        )

    def obstacle(
        self, corpus: str, arm: str, task: str, target: float, seeds: list[int],
        calibrated: bool = False,
    ) -> str | None:  # fmt: skip
        """Why an arm has no size for a task in every seed; None where it has."""
        unlearned = [s for s in seeds if not self.score(corpus, arm, s, task).learned]
        if unlearned:
            return f"{arm} did not learn it (seeds {unlearned})"
        missed = [
            s
            for s in seeds
            if not self.circuit(corpus, arm, s, "trained", task, target, calibrated).reached
        ]
        return f"{arm} did not reach {target:g} nats (seeds {missed})" if missed else None

    def search(self, corpus: str, arm: str, seed: int, network: Network, task: str) -> SearchRow:
        """One search's curve."""
        key = (corpus, arm, seed, network, task)
        rows = (record.search for record in self.searches)
        return next(s for s in rows if (s.corpus, s.arm, s.seed, s.network, s.task) == key)

    def run(self, corpus: str, arm: str, seed: int) -> RunMeasures:
        """One trained network's measurements."""
        key = (corpus, arm, seed)
        return next(
            m for m in self.measures if (m.network.corpus, m.network.arm, m.network.seed) == key
        )

    def score(self, corpus: str, arm: str, seed: int, task: str) -> TaskScore:
        """A whole trained network on one task."""
        return next(t for t in self.run(corpus, arm, seed).network.tasks if t.task == task)

    def rows(
        self, corpus: str, arm: str, seed: int, circuit_task: str, **wanted: object
    ) -> list[Measurement]:
        """Measurements of one task's circuit whose fields equal `wanted`."""
        return [
            row
            for row in self.run(corpus, arm, seed).rows
            if row.circuit_task == circuit_task
            and all(getattr(row, field) == value for field, value in wanted.items())
        ]

    def facts(self, corpus: str, task: str) -> TaskFacts:
        """Question and floor of a task."""
        return next(t for t in self.tasks if (t.corpus, t.name) == (corpus, task))


def estimate(values: dict[int, list[float]], label: str, log: bool = False) -> Estimate | None:
    """Mean over seeds with its interval; None where no seed has a value."""
    present = {seed: found for seed, found in values.items() if found}
    if not present:
        return None
    return Estimate.model_validate(summarize_seeds(present, label, log).model_dump())
