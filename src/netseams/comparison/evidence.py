"""All that the jobs of one comparison found, with a few ways to look it up."""

from dataclasses import dataclass

from netseams.comparison.records import Measurement, RunMeasures, SearchRecord
from netseams.comparison.result import (
    Arm,
    CircuitRow,
    Estimate,
    Network,
    SearchRow,
    TaskFacts,
    TaskScore,
)
from netseams.evaluation import summarize_seeds

ARMS: tuple[Arm, ...] = ("dense", "weight_sparse")


@dataclass(frozen=True)
class Evidence:
    """All that the jobs found, with a few ways to look it up."""

    tasks: list[TaskFacts]
    searches: list[SearchRecord]
    measures: list[RunMeasures]

    def circuit(
        self, corpus: str, arm: str, seed: int, network: Network, task: str, target: float
    ) -> CircuitRow:
        """One search's circuit at one target (which it may not have reached)."""
        for record in self.searches:
            s = record.search
            if (s.corpus, s.arm, s.seed, s.network, s.task) == (corpus, arm, seed, network, task):
                return next(row for row in record.circuits if row.target == target)
        raise KeyError((corpus, arm, seed, network, task))

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
