"""The main table: one row for every task and arm, at the primary target."""

from collections.abc import Iterable
from dataclasses import dataclass

from netseams.comparison.config import CompareConfig, Setting
from netseams.comparison.controls import beaten
from netseams.comparison.records import Measurement, RunMeasures, SearchRecord
from netseams.comparison.result import (
    Arm,
    CircuitRow,
    Estimate,
    Network,
    RouteRow,
    SearchRow,
    TaskFacts,
    TaskScore,
)
from netseams.evaluation import necessity, summarize_seeds
from netseams.interventions import ABLATIONS, AblationKind

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
        self, corpus: str, arm: str, seed: int, task: str, **wanted: object
    ) -> list[Measurement]:
        """Measurements of the circuit of `task` whose fields equal `wanted`."""
        return [
            row
            for row in self.run(corpus, arm, seed).rows
            if row.circuit_task == task and all(getattr(row, k) == v for k, v in wanted.items())
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


def route_rows(config: CompareConfig, evidence: Evidence) -> list[RouteRow]:
    """Rows in the order corpus, task, arm."""
    return [
        _row(setting, arm, fact, evidence, config.seeds)
        for setting in config.settings
        for fact in evidence.tasks
        if fact.corpus == setting.corpus.kind and fact.missing is None
        for arm in ARMS
    ]


def _row(
    setting: Setting, arm: Arm, fact: TaskFacts, evidence: Evidence, seeds: Iterable[int]
) -> RouteRow:
    corpus, task = fact.corpus, fact.name
    label = f"{corpus} {arm} {task}"
    seeds = list(seeds)
    scores = {seed: evidence.score(corpus, arm, seed, task) for seed in seeds}
    circuits = {
        seed: evidence.circuit(corpus, arm, seed, "trained", task, setting.primary_target)
        for seed in seeds
    }
    reached = [seed for seed in seeds if circuits[seed].reached]

    def over_circuits(name: str, log: bool = False) -> Estimate | None:
        values = {seed: [float(getattr(circuits[seed], name))] for seed in reached}
        return estimate(values, f"{label} {name}", log)

    def over_rows(field: str, **wanted: object) -> Estimate | None:
        values = {
            seed: [getattr(r, field) for r in evidence.rows(corpus, arm, seed, task, **wanted)]
            for seed in reached
        }
        return estimate(values, f"{label} {field} {sorted(wanted.items())}")

    def kept(field: str) -> dict[AblationKind, Estimate] | None:
        found: dict[AblationKind, Estimate | None] = {
            kind: over_rows(field, question="keep", part="whole", ablation=kind)
            for kind in ABLATIONS
        }
        return _complete(found)

    def removed(part: str) -> dict[AblationKind, Estimate] | None:
        found: dict[AblationKind, Estimate | None] = {}
        for kind in ABLATIONS:
            values: dict[int, list[float]] = {}
            for seed in reached:
                rows = [
                    row
                    for row in evidence.rows(
                        corpus, arm, seed, task, question="remove", part=part, ablation=kind
                    )
                    if row.task == task
                ]
                drops = [
                    necessity(scores[seed].accuracy, row.accuracy or 0.0, fact.floor_accuracy)
                    for row in rows
                ]
                values[seed] = [drop for drop in drops if drop is not None]
            found[kind] = estimate(values, f"{label} remove {part} {kind}")
        return _complete(found)

    better = {
        seed: [scores[seed].loss - loss]
        for seed in reached
        if (loss := circuits[seed].loss) is not None
    }
    network_accuracy = estimate({s: [scores[s].accuracy] for s in seeds}, f"{label} accuracy")
    network_loss = estimate({s: [scores[s].loss] for s in seeds}, f"{label} loss")
    assert network_accuracy is not None
    assert network_loss is not None
    return RouteRow(
        corpus=corpus,
        arm=arm,
        task=task,
        n_seeds=len(seeds),
        n_learned=sum(score.learned for score in scores.values()),
        n_reached=len(reached),
        network_accuracy=network_accuracy,
        network_loss=network_loss,
        nodes=over_circuits("nodes", log=True),
        edges=over_circuits("edges", log=True),
        node_share=over_circuits("node_share", log=True),
        edge_share=over_circuits("edge_share", log=True),
        sufficiency_accuracy=kept("accuracy"),
        sufficiency_loss=kept("loss"),
        necessity=removed("whole"),
        necessity_random=removed("random"),
        agreement=over_rows("value", question="agreement", ablation="mean"),
        better_than_network=estimate(better, f"{label} better"),
        next_token_rise=over_rows("value", question="next_token_rise"),
        random_loss=over_rows("loss", question="keep", part="random", ablation="mean"),
        random_edges=over_rows("n_edges", question="keep", part="random", ablation="mean"),
        beats=beaten(setting, arm, task, evidence, reached),
    )


def _complete(
    found: dict[AblationKind, Estimate | None],
) -> dict[AblationKind, Estimate] | None:
    present: dict[AblationKind, Estimate] = {
        kind: value for kind, value in found.items() if value is not None
    }
    return present if len(present) == len(found) else None
