"""Does a circuit beat what is known not to be one?

Untrained and redrawn networks: at the same loss their search must need more nodes, or never
get there. Random masks of equal size: their loss must be higher. With 8 seeds the interval over
seeds decides, with fewer every seed must agree.
"""

import math
from typing import TYPE_CHECKING

from netseams.comparison.config import Setting
from netseams.comparison.result import Arm, Beats, Network
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL, summarize_seeds

if TYPE_CHECKING:
    from netseams.comparison.routes import Evidence


def beaten(
    setting: Setting, arm: Arm, task: str, evidence: "Evidence", reached: list[int]
) -> list[Beats]:
    """One entry for every control; none where no seed has a circuit to judge."""
    if not reached:
        return []
    corpus = setting.corpus.kind
    return [
        _beats_network(setting, corpus, arm, task, evidence, reached, "untrained"),
        _beats_network(setting, corpus, arm, task, evidence, reached, "redrawn"),
        _beats_random(setting, corpus, arm, task, evidence, reached),
    ]


def _beats_network(
    setting: Setting, corpus: str, arm: Arm, task: str, evidence: "Evidence",
    reached: list[int], network: Network,
) -> Beats:  # fmt: skip
    advantages: dict[int, list[float]] = {}
    needed: list[int] = []
    best: list[float] = []
    for seed in reached:
        target = setting.primary_target
        circuit = evidence.circuit(corpus, arm, seed, "trained", task, target)
        control = evidence.circuit(corpus, arm, seed, network, task, target)
        best.append(evidence.search(corpus, arm, seed, network, task).best_loss)
        if control.nodes is not None:
            needed.append(control.nodes)
        # A control that never got there is counted as needing the whole network: a lower bound.
        nodes = control.nodes or evidence.run(corpus, arm, seed).network.nodes
        advantages[seed] = [math.log(nodes / max(1, circuit.nodes or 1))]
    detail = (
        f"reached {setting.primary_target:g} nats in {len(needed)} of {len(reached)} searches, "
        + (f"with {_mean(needed):.0f} nodes" if needed else f"best {_mean(best):.2f} nats")
    )
    label = f"{corpus} {arm} {task} {network}"
    control_name = "untrained" if network == "untrained" else "redrawn"
    return Beats(control=control_name, beats=_positive(advantages, label), detail=detail)


def _beats_random(
    setting: Setting, corpus: str, arm: Arm, task: str, evidence: "Evidence", reached: list[int]
) -> Beats:
    advantages: dict[int, list[float]] = {}
    losses: list[float] = []
    for seed in reached:
        circuit = evidence.circuit(corpus, arm, seed, "trained", task, setting.primary_target)
        rows = evidence.rows(
            corpus, arm, seed, task, question="keep", part="random", ablation="mean"
        )
        random = [row.loss for row in rows if row.loss is not None]
        losses += random
        advantages[seed] = [_mean(random) - (circuit.loss or 0.0)]
    return Beats(
        control="random",
        beats=_positive(advantages, f"{corpus} {arm} {task} random"),
        detail=f"mean loss {_mean(losses):.2f} nats",
    )


def _positive(advantages: dict[int, list[float]], label: str) -> bool:
    if len(advantages) < MIN_SEEDS_FOR_INTERVAL:
        return all(value > 0 for values in advantages.values() for value in values)
    low = summarize_seeds(advantages, label).low
    return low is not None and low > 0


def _mean(values: list[int] | list[float]) -> float:
    return math.fsum(values) / len(values)
