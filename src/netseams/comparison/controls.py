"""Does a circuit beat what is known not to be one?

With 8 seeds the interval over seeds decides, with fewer every seed must agree. A task whose
target was missed in some seed beats nothing: what was not found cannot be held against a control.
"""

import math

from netseams.comparison.config import Setting
from netseams.comparison.evidence import Evidence
from netseams.comparison.result import Beats, Control
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL, necessity, summarize_seeds

NECESSITY_MARGIN = 0.1
"""Smallest advantage of interest over the removal of random nodes, in shares of what lies above
the floor. Removing a third of a network breaks most things, whichever third it is."""


def beaten(
    setting: Setting, arm: str, task: str, evidence: Evidence, reached: list[int], n_seeds: int
) -> list[Beats]:
    """One entry for every control; none where no seed has a circuit to judge."""
    if not reached:
        return []
    case = _Case(setting, arm, task, evidence, reached)
    entries = [
        *(case.network(control) for control in setting.controls),
        case.random_alone(),
        case.random_removed(),
    ]
    if len(reached) == n_seeds:
        return entries
    note = f"; only {len(reached)} of {n_seeds} seeds have a circuit"
    return [e.model_copy(update={"beats": False, "detail": e.detail + note}) for e in entries]


class _Case:
    """One task in one arm, with the seeds that have a circuit."""

    def __init__(
        self, setting: Setting, arm: str, task: str, evidence: Evidence, reached: list[int]
    ) -> None:
        self.target = setting.primary_target
        self.corpus, self.arm, self.task = setting.corpus.kind, arm, task
        self.evidence, self.reached = evidence, reached

    def network(self, network: Control) -> Beats:
        """At the same loss the control's search must need more nodes, or never get there."""
        advantages: dict[int, float] = {}
        needed: list[int] = []
        best: list[float] = []
        for seed in self.reached:
            key = (self.corpus, self.arm, seed)
            circuit = self.evidence.circuit(*key, "trained", self.task, self.target)
            control = self.evidence.circuit(*key, network, self.task, self.target)
            best.append(self.evidence.search(*key, network, self.task).best_loss)
            if control.nodes is not None:
                needed.append(control.nodes)
            # One that never got there is counted as needing every node: a lower bound.
            nodes = control.nodes or self.evidence.run(*key).network.nodes
            advantages[seed] = math.log(nodes / max(1, circuit.nodes or 1))
        size = f"with {_mean(needed):.0f} nodes" if needed else f"best {_mean(best):.2f} nats"
        detail = (
            f"reached {self.target:g} nats in {len(needed)} of {len(self.reached)} searches, {size}"
        )
        return Beats(control=network, beats=self._above(0.0, advantages, network), detail=detail)

    def random_alone(self) -> Beats:
        """Random masks of equal size per site must have a higher loss."""
        advantages: dict[int, float] = {}
        losses: list[float] = []
        for seed in self.reached:
            circuit = self.evidence.circuit(
                self.corpus, self.arm, seed, "trained", self.task, self.target
            )
            rows = self.evidence.rows(
                self.corpus, self.arm, seed, self.task,
                question="keep", part="random", ablation="mean",
            )  # fmt: skip
            random = [row.loss for row in rows if row.loss is not None]
            losses += random
            advantages[seed] = _mean(random) - (circuit.loss or 0.0)
        detail = f"mean loss {_mean(losses):.2f} nats"
        return Beats(control="random", beats=self._above(0.0, advantages, "random"), detail=detail)

    def random_removed(self) -> Beats:
        """Removing the circuit must cost its task more than removing as many random nodes."""
        advantages: dict[int, float] = {}
        lost: list[float] = []
        for seed in self.reached:
            ours, random = self._losses(seed, "whole"), self._losses(seed, "random")
            if ours and random:
                lost.append(_mean(random))
                advantages[seed] = _mean(ours) - _mean(random)
        beats = bool(advantages) and self._above(NECESSITY_MARGIN, advantages, "random removed")
        detail = f"random removal loses {_mean(lost):.2f}" if lost else "nothing to lose"
        return Beats(control="random_removed", beats=beats, detail=detail)

    def _losses(self, seed: int, part: str) -> list[float]:
        whole = self.evidence.score(self.corpus, self.arm, seed, self.task).accuracy
        floor = self.evidence.facts(self.corpus, self.task).floor_accuracy
        rows = self.evidence.rows(
            self.corpus, self.arm, seed, self.task,
            question="remove", part=part, ablation="mean", task=self.task,
        )  # fmt: skip
        drops = [necessity(whole, row.accuracy or 0.0, floor) for row in rows]
        return [drop for drop in drops if drop is not None]

    def _above(self, margin: float, advantages: dict[int, float], control: str) -> bool:
        if len(advantages) < MIN_SEEDS_FOR_INTERVAL:
            return all(value > margin for value in advantages.values())
        label = f"{self.corpus} {self.arm} {self.task} {control}"
        low = summarize_seeds({s: [v] for s, v in advantages.items()}, label).low
        return low is not None and low > margin


def _mean(values: list[int] | list[float]) -> float:
    return math.fsum(values) / len(values)
