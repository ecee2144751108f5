"""Every arm in one line: what it is, what it can do, how large its circuits are.

This is what a frontier or an ablation is read from. Sizes of different arms are over the same
tasks, or there are none: harder tasks have larger circuits.
"""

import math
from collections.abc import Callable, Iterable

from netseams.comparison.config import Setting
from netseams.comparison.differences import differences, in_words
from netseams.comparison.evidence import Evidence, estimate
from netseams.comparison.matching import size
from netseams.comparison.result import (
    ArmRow,
    CircuitRow,
    Estimate,
    NetworkRow,
    SeedPoint,
    TaskScore,
)
from netseams.evaluation import geometric_mean, necessity
from netseams.interventions import ABLATIONS, AblationKind


def arm_rows(setting: Setting, evidence: Evidence, seeds: Iterable[int]) -> list[ArmRow]:
    """One row for every arm of a corpus, the reference first."""
    seeds, corpus = list(seeds), setting.corpus.kind
    obstacles = {
        arm: {
            task: evidence.obstacle(corpus, arm, task, setting.primary_target, seeds)
            for task in evidence.names(corpus)
        }
        for arm in setting.arm_names
    }
    tasks = common_tasks({arm: [t for t, why in o.items() if why is None]
                          for arm, o in obstacles.items()})  # fmt: skip
    return [
        _Row(setting, evidence, seeds, arm, tasks).make(obstacles[arm]) for arm in setting.arm_names
    ]


def common_tasks(held: dict[str, list[str]]) -> list[str]:
    """The tasks over which most sizes can be compared: of all sets of tasks that the same arms
    hold, the one with the most arms times tasks, and with the most arms among equals.

    So an arm that holds next to nothing does not take the others' tasks out of the table, and a
    task that one arm lacks does not take that arm out.

    Args:
        held: arm -> tasks that it learned and reached in every seed.
    """
    sets: list[frozenset[str]] = []
    for tasks in held.values():
        ours = frozenset(tasks)
        sets += [ours, *(ours & other for other in sets)]
        sets = list(dict.fromkeys(sets))

    def worth(tasks: frozenset[str]) -> tuple[int, int]:
        arms = sum(tasks <= set(theirs) for theirs in held.values())
        return arms * len(tasks), arms

    best = max(sets, key=worth, default=frozenset[str]())
    return [t for t in dict.fromkeys(t for tasks in held.values() for t in tasks) if t in best]


class _Row:
    """One arm of one corpus."""

    def __init__(
        self, setting: Setting, evidence: Evidence, seeds: list[int], arm: str, tasks: list[str]
    ) -> None:
        self.setting, self.evidence, self.seeds = setting, evidence, seeds
        self.corpus, self.arm, self.tasks = setting.corpus.kind, arm, tasks

    def make(self, obstacles: dict[str, str | None]) -> ArmRow:
        setting, reference = self.setting, self.setting.arm_names[0]
        changes = differences(setting.run(reference, 0), setting.run(self.arm, 0))
        lacking = [f"{task}: {obstacles[task]}" for task in self.tasks if obstacles[task]]
        sized = bool(self.tasks) and not lacking
        points = [self._point(seed, sized) for seed in self.seeds]
        learned = [all(self._score(s, t).learned for s in self.seeds) for t in obstacles]

        def over_points(field: str) -> Estimate | None:
            values = {p.seed: [getattr(p, field)] for p in points}
            return self._over(values, field, log=True) if sized else None

        return ArmRow(
            corpus=self.corpus,
            name=self.arm,
            kind=setting.run(self.arm, 0).arm,
            reference=self.arm == reference,
            changes=changes,
            words="the reference" if self.arm == reference else in_words(reference, changes),
            test_loss=self._each_seed("test_loss", lambda s: self._network(s).test_loss),
            task_loss=self._each_seed("task_loss", lambda s: self._over_tasks(s, "loss")),
            task_accuracy=self._each_seed("accuracy", lambda s: self._over_tasks(s, "accuracy")),
            l0=self._each_seed("l0", lambda s: self._network(s).l0),
            density=self._each_seed("density", lambda s: self._network(s).edge_density),
            n_tasks=len(obstacles),
            n_learned=sum(learned),
            n_reached=sum(why is None for why in obstacles.values()),
            tasks=self.tasks if sized else [],
            nodes=over_points("nodes"),
            edges=over_points("edges"),
            edge_share=self._edge_share() if sized else None,
            alone=self._by_ablation(self._alone, "alone") if sized else None,
            necessity=self._by_ablation(self._lost, "necessity") if sized else None,
            points=points,
            note="; ".join(lacking) or ("" if sized else "no arm reached any task in every seed"),
        )

    def _network(self, seed: int) -> NetworkRow:
        return self.evidence.run(self.corpus, self.arm, seed).network

    def _score(self, seed: int, task: str) -> TaskScore:
        return self.evidence.score(self.corpus, self.arm, seed, task)

    def _circuit(self, seed: int, task: str) -> CircuitRow:
        key = ("trained", task, self.setting.primary_target)
        return self.evidence.circuit(self.corpus, self.arm, seed, *key)

    def _over_tasks(self, seed: int, field: str) -> float:
        return _mean([getattr(t, field) for t in self._network(seed).tasks])

    def _point(self, seed: int, sized: bool) -> SeedPoint:
        found = [self._circuit(seed, task) for task in self.tasks] if sized else []
        return SeedPoint(
            seed=seed,
            test_loss=self._network(seed).test_loss,
            task_loss=self._over_tasks(seed, "loss"),
            nodes=geometric_mean([size(c.nodes) for c in found]) if found else None,
            edges=geometric_mean([size(c.edges) for c in found]) if found else None,
        )

    def _edge_share(self) -> Estimate | None:
        values: dict[int, list[float]] = {}
        for seed in self.seeds:
            found = [self._circuit(seed, task) for task in self.tasks]
            values[seed] = [geometric_mean([size(c.edges) / size(c.network_edges) for c in found])]
        return self._over(values, "edge share", log=True)

    def _alone(self, seed: int, task: str, kind: AblationKind) -> float | None:
        rows = self.evidence.rows(
            self.corpus, self.arm, seed, task, question="keep", part="whole", ablation=kind
        )
        return rows[0].accuracy

    def _lost(self, seed: int, task: str, kind: AblationKind) -> float | None:
        rows = self.evidence.rows(
            self.corpus, self.arm, seed, task,
            question="remove", part="whole", ablation=kind, task=task,
        )  # fmt: skip
        floor = self.evidence.facts(self.corpus, task).floor_accuracy
        return necessity(self._score(seed, task).accuracy, rows[0].accuracy or 0.0, floor)

    def _by_ablation(
        self, ask: Callable[[int, str, AblationKind], float | None], label: str
    ) -> dict[AblationKind, Estimate] | None:
        found: dict[AblationKind, Estimate] = {}
        for kind in ABLATIONS:
            values: dict[int, list[float]] = {}
            for seed in self.seeds:
                answers = [ask(seed, task, kind) for task in self.tasks]
                given = [answer for answer in answers if answer is not None]
                values[seed] = [_mean(given)] if given else []
            over = self._over(values, f"{label} {kind}")
            if over is None:
                return None
            found[kind] = over
        return found

    def _each_seed(self, label: str, ask: Callable[[int], float]) -> Estimate:
        found = self._over({seed: [float(ask(seed))] for seed in self.seeds}, label)
        assert found is not None  # every seed has a value
        return found

    def _over(
        self, values: dict[int, list[float]], label: str, log: bool = False
    ) -> Estimate | None:
        return estimate(values, f"arm {self.corpus} {self.arm} {label}", log)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
