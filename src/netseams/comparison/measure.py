"""Measuring: every question to every circuit of one trained network, at the primary target."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from netseams.circuits import Circuit, load_circuit, network_edges, random_circuit
from netseams.comparison.config import Setting
from netseams.comparison.inputs import corpus_of, network_of, task_of
from netseams.comparison.records import Measurement, Places, RunMeasures
from netseams.comparison.result import NetworkRow, TaskScore
from netseams.core import Device, seed_from
from netseams.corpora import StringOps
from netseams.evaluation import (
    agreement,
    is_learned,
    next_token_rise,
    removal_scores,
    score_network,
    sufficiency,
)
from netseams.interventions import ABLATIONS, AblationKind
from netseams.models import Transformer, sites_of
from netseams.store import write_text
from netseams.tasks import Task
from netseams.training import Progress, RunConfig, open_run

Means = dict[str, Tensor]


def measure_job(
    out: Path,
    setting: Setting,
    config: RunConfig,
    names: tuple[str, ...],
    random_masks: int,
    device: Device,
    progress: Progress,
) -> None:
    """Score the network on every task, and ask every question of its circuits."""
    places = Places(out)
    path = places.measures(config)
    if path.exists():
        return
    started = time.perf_counter()
    model, means = network_of(places.run(config), config, "trained", device)
    tasks = [task_of(config, name) for name in names]
    folders = {
        name: places.search(config, "trained", name) / f"target-{setting.primary_target:g}"
        for name in names
    }
    circuits = {n: load_circuit(folder) for n, folder in folders.items() if folder.exists()}
    rows: list[Measurement] = []
    for number, (name, circuit) in enumerate(circuits.items()):
        asked = _Asked(places, config, folders[name], task_of(config, name), model, means)
        others = [other for key, other in circuits.items() if key != name]
        rows += asked.alone("whole", circuit)
        rows += asked.agreeing(circuit)
        rows += asked.removed("whole", circuit, tasks if setting.specificity else [asked.task])
        if setting.specificity:
            rows += asked.removed("exclusive", circuit.without(others, model), tasks)
        for draw in range(random_masks):
            other = random_circuit(circuit, model, seed_from(asked.same["circuit"], draw))
            rows += asked.alone("random", other, ("mean",), draw)
            rows += asked.removed("random", other, [asked.task], draw)
        progress(number + 1, len(circuits), name)
    network = _network_row(places, config, model, tasks)
    record = RunMeasures(network=network, rows=rows, seconds=time.perf_counter() - started)
    write_text(path, record.model_dump_json(indent=1))


class _Asked:
    """The questions to one circuit, as rows that share what is the same for all of them."""

    def __init__(
        self,
        places: Places,
        config: RunConfig,
        folder: Path,
        task: Task,
        model: Transformer,
        means: Means,
    ) -> None:
        self.config, self.task, self.model, self.means = config, task, model, means
        self.same = {
            "run": places.run(config).name,
            "circuit": folder.relative_to(places.out).as_posix(),
            "corpus": config.corpus.kind,
            "arm": config.arm,
            "seed": config.seed,
            "circuit_task": task.name,
        }

    def alone(
        self,
        part: str,
        circuit: Circuit,
        kinds: Sequence[AblationKind] = ABLATIONS,
        draw: int = 0,
    ) -> list[Measurement]:
        """Everything else ablated: sufficiency."""
        rows: list[Measurement] = []
        for kind in kinds:
            s = sufficiency(circuit, self.model, self.task, kind, self.means)
            facts = {"part": part, "draw": draw, "ablation": kind, "task": self.task.name}
            rows.append(self._row("keep", circuit, **facts, accuracy=s.accuracy, loss=s.loss))
        return rows

    def agreeing(self, circuit: Circuit) -> list[Measurement]:
        """Same answers as the whole network? And the text's loss without the circuit."""
        rows: list[Measurement] = []
        for kind in ABLATIONS:
            same = agreement(circuit, self.model, self.task, kind, self.means)
            facts = {"part": "whole", "ablation": kind, "task": self.task.name}
            rows.append(
                self._row(
                    "agreement",
                    circuit,
                    **facts,
                    value=same.same_answer,
                    kl=same.kl,
                    on_errors=same.same_on_errors,
                )
            )
        corpus = corpus_of(self.config.corpus)
        rise = next_token_rise(circuit, self.model, corpus, self.means)
        facts = {"part": "whole", "ablation": "mean", "task": "next_token"}
        return [*rows, self._row("next_token_rise", circuit, **facts, value=rise)]

    def removed(
        self, part: str, circuit: Circuit, tasks: list[Task], draw: int = 0
    ) -> list[Measurement]:
        """The circuit ablated: necessity on its own task, specificity on the others."""
        rows: list[Measurement] = []
        for kind in ABLATIONS:
            scores = removal_scores(circuit, self.model, tasks, kind, self.means)
            for task, s in zip(tasks, scores, strict=True):
                facts = {"part": part, "draw": draw, "ablation": kind, "task": task.name}
                rows.append(self._row("remove", circuit, **facts, accuracy=s.accuracy, loss=s.loss))
        return rows

    def _row(self, question: str, circuit: Circuit, **facts: object) -> Measurement:
        sizes = {"n_nodes": circuit.n_nodes, "n_edges": circuit.n_edges}
        return Measurement.model_validate({**self.same, "question": question, **sizes, **facts})


def _network_row(
    places: Places, config: RunConfig, model: Transformer, tasks: list[Task]
) -> NetworkRow:
    result = open_run(places.run(config)).result
    scores: list[TaskScore] = []
    for task in tasks:
        s = score_network(model, task)
        learned = is_learned(s.accuracy, task.floor_accuracy)
        scores.append(TaskScore(task=task.name, accuracy=s.accuracy, loss=s.loss, learned=learned))
    corpus = corpus_of(config.corpus)
    extra = {}
    if isinstance(corpus, StringOps):
        extra = {"accuracy_trained_pairs": _pairs(model, corpus, corpus.trained),
                 "accuracy_held_out_pairs": _pairs(model, corpus, corpus.held_out)}  # fmt: skip
    return NetworkRow(
        run=places.run(config).name,
        corpus=config.corpus.kind,
        arm=config.train.sparsity.kind,
        seed=config.seed,
        valid_loss=result.valid_loss,
        test_loss=result.test_loss,
        n_parameters=result.n_parameters,
        l0=result.l0,
        n_edge_weights=result.n_edge_weights,
        edges=network_edges(model),
        nodes=sum(site.width for site in sites_of(model.cfg)),
        edge_density=result.l0_edges / result.n_edge_weights,
        tokens=result.tokens,
        steps=result.steps,
        train_seconds=result.seconds,
        tasks=scores,
        extra=extra,
    )


def _pairs(model: Transformer, corpus: StringOps, pairs: list[tuple[str, str]]) -> float:
    """Accuracy over answers on test strings, equally many for every pair of operations."""
    x = corpus.test_strings(64 * len(pairs))
    inputs, y = corpus.encode([pairs[i % len(pairs)] for i in range(len(x))], x)
    with torch.no_grad():
        answers = torch.tensor(corpus.answers).expand(len(x), -1)
        return float((model(inputs, None, answers).argmax(-1).cpu() == y).float().mean())
