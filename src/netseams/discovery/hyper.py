"""Equal-budget search over the settings of the mask learner, every trial recorded.

arXiv 2511.13653 (A.5, Table 2) searches eight settings with CARBS, a Bayesian tuner, 256 prunings
for every model and task. Here the same settings are drawn around the same centres by a Sobol
sequence: every network gets the very same trials, which makes budgets equal, and the number of
trials is whatever the caller can afford.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import Config, RunFolderError, SettingError
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.node_masks import NodeMasks
from netseams.models import Network, model_fingerprint
from netseams.store import append_line, read_jsonl
from netseams.tasks import Task

SPREADS: dict[str, float] = {
    "price_start": 4.0,
    "price_end": 4.0,
    "lr": 3.0,
    "init_bias": 3.0,
    "init_noise": 10.0,
    "weight_decay": 10.0,
    "temperature": 3.0,
}
"""Every one is drawn log-uniformly between its centre divided and multiplied by this."""
_BETA2 = (0.02, 0.15)
"""1 - beta2, log-uniformly: the paper's centre is 0.05."""
_WARMUP = (0.0, 0.2)
"""Share of the steps, uniformly: the paper's centre is 0.05."""

Draws = Literal["sobol", "random"]


class Trial(Config):
    """One search: its settings, and what it found on the select split."""

    number: int
    config: NodeMaskConfig
    sizes: dict[str, int | None]
    """Target loss -> nodes of the smallest circuit; None where it was not reached."""
    edges: dict[str, int | None]
    losses: dict[str, float | None]
    """Target loss -> the select loss of that circuit, in nats."""
    best_loss: float
    steps: int
    training_sequences: int
    evaluations: int
    seconds: float


class HyperSearch:
    """Runs `trials` mask searches around the settings of `centre`; the first is `centre` itself.

    After `fit`: `trials_` (all of them, in order), `best_` (target -> its best trial, chosen on
    the select split alone: the smallest circuit that reached the target), `circuits_`.
    """

    def __init__(self, centre: NodeMaskConfig, trials: int, draws: Draws = "sobol") -> None:
        if trials < 1:
            raise SettingError(f"a search needs at least 1 trial, got {trials}")
        self.centre, self.n_trials = centre, trials
        self.draws: Draws = draws

    def fit(
        self,
        model: Network,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
        record: Path | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> "HyperSearch":
        """Search, or go on where an earlier call with the same `record` stopped.

        Args:
            record: JSONL file, one trial a line. Trials in it are not run again; the winning
                circuits of earlier calls are found again from their settings, which give the
                same masks on the same machine.

        Raises:
            RunFolderError: the record is of another search.
            StorageError: it cannot be written.
        """
        configs = self.configs()
        head = {
            "model": model_fingerprint(model),
            "task": task.name,
            "targets": [f"{target:g}" for target in targets],
        }

        def search(config: NodeMaskConfig) -> NodeMasks:
            return NodeMasks(config).fit(model, task, means, targets)

        self.trials_ = _recorded(record, head, configs)
        best: dict[float, tuple[int, Circuit | None]] = {}
        for number in range(self.n_trials):
            fresh: NodeMasks | None = None
            if number >= len(self.trials_):
                fresh = search(configs[number])
                self.trials_.append(_trial(number, fresh, task, targets))
                if record is not None:
                    row = {**head, "trial": self.trials_[-1].model_dump(mode="json")}
                    record.parent.mkdir(parents=True, exist_ok=True)
                    append_line(record, row)
            for target in targets:
                if self._best(target, self.trials_[: number + 1]) == number:
                    best[target] = (number, fresh.circuits_[target] if fresh else None)
            if progress is not None:
                progress(number + 1, self.n_trials, _word(self.trials_[number]))
        self.best_ = {t: self.trials_[best[t][0]] if t in best else None for t in targets}
        self.circuits_ = self._circuits(best, targets, search)
        return self

    def configs(self) -> list[NodeMaskConfig]:
        """The settings of every trial, the same for every network and task."""
        units = _points(self.n_trials - 1, len(SPREADS) + 2, self.draws, self.centre.seed)
        return [self.centre, *(self._around(unit) for unit in units)]

    def _around(self, unit: list[float]) -> NodeMaskConfig:
        """A point of the unit cube -> settings."""
        drawn: dict[str, float] = {}
        for (name, spread), u in zip(SPREADS.items(), unit, strict=False):
            drawn[name] = getattr(self.centre, name) * spread ** (2 * u - 1)
        u, v = unit[len(SPREADS) :]
        drawn["beta2"] = 1 - _BETA2[0] * (_BETA2[1] / _BETA2[0]) ** u
        drawn["warmup"] = _WARMUP[0] + (_WARMUP[1] - _WARMUP[0]) * v
        return NodeMaskConfig(**{**self.centre.model_dump(), **drawn})

    @staticmethod
    def _best(target: float, trials: list[Trial]) -> int | None:
        """Number of the trial with the smallest circuit at `target`; the first where equal."""
        found = [(n, t.number) for t in trials if (n := t.sizes[f"{target:g}"]) is not None]
        return min(found)[1] if found else None

    def _circuits(
        self,
        best: dict[float, tuple[int, Circuit | None]],
        targets: tuple[float, ...],
        search: Callable[[NodeMaskConfig], NodeMasks],
    ) -> dict[float, Circuit | None]:
        again: dict[int, NodeMasks] = {}
        circuits: dict[float, Circuit | None] = {}
        for target in targets:
            number, circuit = best.get(target, (0, None))
            if target in best and circuit is None:
                if number not in again:
                    again[number] = search(self.trials_[number].config)
                circuit = again[number].circuits_[target]
            circuits[target] = circuit
        return circuits


def _points(n: int, dimensions: int, draws: Draws, seed: int) -> list[list[float]]:
    import numpy as np
    from scipy.stats import qmc  # loaded where it is needed: it is slow to import

    if draws == "random":
        return np.random.default_rng(seed).random((n, dimensions)).tolist()
    # A prefix of a longer sequence: more trials never change the ones before.
    engine = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    return [engine.random(1)[0].tolist() for _ in range(n)]


def _trial(number: int, fitted: NodeMasks, task: Task, targets: tuple[float, ...]) -> Trial:
    found = fitted.circuits_
    return Trial(
        number=number,
        config=fitted.config,
        sizes={f"{t:g}": c.n_nodes if (c := found[t]) else None for t in targets},
        edges={f"{t:g}": c.n_edges if (c := found[t]) else None for t in targets},
        losses={f"{t:g}": fitted.losses_[t] for t in targets},
        best_loss=min(point.loss for point in fitted.curve_),
        **fitted.budget_.model_dump(exclude={"calibrations"}),
    )


def _recorded(
    record: Path | None, head: dict[str, Any], configs: list[NodeMaskConfig]
) -> list[Trial]:
    """Trials of an earlier call, as far as they are those of this search."""
    if record is None or not record.exists():
        return []
    trials: list[Trial] = []
    for number, row in enumerate(read_jsonl(record)[: len(configs)]):
        same = {key: row.get(key) for key in head} == head
        trial = Trial.parse_json(json.dumps(row.get("trial")), f"{record} line {number + 1}")
        if not same or trial.config != configs[number]:
            raise RunFolderError(
                f"{record} holds trials of another search (line {number + 1}): "
                "choose another --out, or repeat that search's settings to go on with it"
            )
        trials.append(trial)
    return trials


def _word(trial: Trial) -> str:
    sizes = ", ".join(f"{t}: {n if n is not None else '-'}" for t, n in trial.sizes.items())
    return f"nodes at {sizes}"
