"""The three stages of a comparison, each a function from files to a file.

A job whose file exists is not run again; it can run in any process.
"""

import functools
import time
from pathlib import Path

import torch
from torch import Tensor

from netseams.circuits import Circuit, load_circuit, network_edges, random_circuit, save_circuit
from netseams.comparison.config import Setting
from netseams.comparison.records import Measurement, Places, RunMeasures, SearchRecord
from netseams.comparison.result import CircuitRow, Network, NetworkRow, SearchRow, TaskScore
from netseams.core import seed_from
from netseams.corpora import Corpus, CorpusConfig, StringOps, load_corpus
from netseams.discovery import NodeMasks
from netseams.evaluation import (
    agreement,
    next_token_rise,
    removal_scores,
    score_network,
    sufficiency,
)
from netseams.interventions import (
    ABLATIONS,
    mean_activations,
    redrawn_on_support,
    untrained_twin,
)
from netseams.models import Transformer, sites_of
from netseams.store import write_text
from netseams.tasks import Task, build_task
from netseams.training import Progress, RunConfig, open_run, train

NETWORKS: tuple[Network, ...] = ("trained", "untrained", "redrawn")


def train_job(out: Path, config: RunConfig, progress: Progress) -> None:
    """Train one network."""
    train(config, Places(out).run(config), progress)


def search_job(
    out: Path, setting: Setting, config: RunConfig, network: Network, name: str, progress: Progress
) -> None:
    """Search one network for circuits of one task, at every target loss."""
    folder = Places(out).search(config, network, name)
    if (folder / "search.json").exists():
        return
    model, means = _network(Places(out).run(config), config, network)
    task = _task(config.corpus, name, config.model.n_ctx)
    search = setting.search.model_copy(update={"seed": seed_from(config.seed, "search", name)})
    fitted = NodeMasks(search).fit(model, task, means, setting.targets)
    where = {"corpus": task.corpus, "arm": config.arm, "seed": config.seed, "network": network}
    rows: list[CircuitRow] = []
    for target, circuit in fitted.circuits_.items():
        path = folder / f"target-{target:g}"
        rows.append(_circuit_row(where, name, target, circuit, model, task, means, path, out))
    curve = fitted.curve_
    record = SearchRecord(
        search=SearchRow(
            **where,
            task=name,
            curve_nodes=[point.n_nodes for point in curve],
            curve_edges=[point.n_edges for point in curve],
            curve_loss=[point.loss for point in curve],
            best_loss=min(point.loss for point in curve),
            steps=fitted.budget_.steps,
            training_sequences=fitted.budget_.training_sequences,
            evaluations=fitted.budget_.evaluations,
            seconds=fitted.budget_.seconds,
        ),
        circuits=rows,
    )
    write_text(folder / "search.json", record.model_dump_json(indent=1))
    progress(1, 1, "")


def measure_job(
    out: Path,
    setting: Setting,
    config: RunConfig,
    names: tuple[str, ...],
    random_masks: int,
    progress: Progress,
) -> None:
    """Ask every question of every circuit of one trained network, at the primary target."""
    places = Places(out)
    path = places.measures(config)
    if path.exists():
        return
    started = time.perf_counter()
    model, means = _network(places.run(config), config, "trained")
    tasks = [_task(config.corpus, name, config.model.n_ctx) for name in names]
    circuits: dict[str, Circuit] = {}
    for name in names:
        folder = places.search(config, "trained", name) / f"target-{setting.primary_target:g}"
        if folder.exists():
            circuits[name] = load_circuit(folder)
    rows: list[Measurement] = []
    for number, (name, circuit) in enumerate(circuits.items()):
        task = next(task for task in tasks if task.name == name)
        others = [other for key, other in circuits.items() if key != name]
        folder = places.search(config, "trained", name) / f"target-{setting.primary_target:g}"
        asked = _Asked(config, places.run(config).name, folder.relative_to(out).as_posix(), name)
        rows += _whole(asked, circuit, model, task, tasks, means)
        rows += _exclusive(asked, circuit.without(others, model), model, tasks, means)
        rows += _random(asked, circuit, model, task, means, random_masks)
        corpus = _corpus(config.corpus)
        rows.append(
            asked.row(
                "next_token_rise", circuit.n_nodes, "next_token",
                value=next_token_rise(circuit, model, corpus, means),
            )
        )  # fmt: skip
        progress(number + 1, len(circuits), name)
    network = _network_row(places, config, model, tasks)
    record = RunMeasures(network=network, rows=rows, seconds=time.perf_counter() - started)
    write_text(path, record.model_dump_json(indent=1))


class _Asked:
    """The part of a measurement that is the same for all questions to one circuit."""

    def __init__(self, config: RunConfig, run: str, circuit: str, name: str) -> None:
        self.same = {
            "run": run,
            "circuit": circuit,
            "corpus": config.corpus.kind,
            "arm": config.arm,
            "seed": config.seed,
            "circuit_task": name,
        }

    def row(self, question: str, n_nodes: int, task: str, **rest: object) -> Measurement:
        facts = {"part": "whole", "ablation": "mean"} | rest
        return Measurement.model_validate(
            self.same | {"question": question, "n_nodes": n_nodes, "task": task} | facts
        )


def _whole(
    asked: _Asked, circuit: Circuit, model: Transformer, task: Task, tasks: list[Task],
    means: dict[str, Tensor],
) -> list[Measurement]:  # fmt: skip
    rows: list[Measurement] = []
    for kind in ABLATIONS:
        alone = sufficiency(circuit, model, task, kind, means)
        rows.append(
            asked.row("keep", circuit.n_nodes, task.name, ablation=kind,
                      accuracy=alone.accuracy, loss=alone.loss)
        )  # fmt: skip
        same = agreement(circuit, model, task, kind, means)
        rows.append(
            asked.row("agreement", circuit.n_nodes, task.name, ablation=kind,
                      value=same.same_answer, kl=same.kl)
        )  # fmt: skip
    return rows + _removed(asked, "whole", circuit, model, tasks, means)


def _exclusive(
    asked: _Asked, part: Circuit, model: Transformer, tasks: list[Task], means: dict[str, Tensor]
) -> list[Measurement]:
    return _removed(asked, "exclusive", part, model, tasks, means)


def _removed(
    asked: _Asked, part: str, circuit: Circuit, model: Transformer, tasks: list[Task],
    means: dict[str, Tensor], draw: int = 0,
) -> list[Measurement]:  # fmt: skip
    rows: list[Measurement] = []
    for kind in ABLATIONS:
        scores = removal_scores(circuit, model, tasks, kind, means)
        rows += [
            asked.row("remove", circuit.n_nodes, task.name, part=part, draw=draw, ablation=kind,
                      accuracy=s.accuracy, loss=s.loss)
            for task, s in zip(tasks, scores, strict=True)
        ]  # fmt: skip
    return rows


def _random(
    asked: _Asked, circuit: Circuit, model: Transformer, task: Task, means: dict[str, Tensor],
    n_draws: int,
) -> list[Measurement]:  # fmt: skip
    rows: list[Measurement] = []
    for draw in range(n_draws):
        other = random_circuit(circuit, model, seed_from(asked.same["circuit"], draw))
        alone = sufficiency(other, model, task, "mean", means)
        rows.append(
            asked.row("keep", other.n_nodes, task.name, part="random", draw=draw,
                      accuracy=alone.accuracy, loss=alone.loss)
        )  # fmt: skip
        rows += _removed(asked, "random", other, model, [task], means, draw)
    return rows


def _circuit_row(
    where: dict, name: str, target: float, circuit: Circuit | None, model: Transformer,
    task: Task, means: dict[str, Tensor], path: Path, out: Path,
) -> CircuitRow:  # fmt: skip
    edges = network_edges(model)
    if circuit is None:
        return CircuitRow(
            **where, task=name, target=target, network_edges=edges, reached=False, nodes=None, edges=None,
            node_share=None, edge_share=None, loss=None, accuracy=None, path=None,
        )  # fmt: skip
    save_circuit(path, circuit)
    alone = sufficiency(circuit, model, task, "mean", means)
    return CircuitRow(
        **where, task=name, target=target, network_edges=edges, reached=True, nodes=circuit.n_nodes,
        edges=circuit.n_edges, node_share=circuit.node_share, edge_share=circuit.edge_share,
        loss=alone.loss, accuracy=alone.accuracy, path=path.relative_to(out).as_posix(),
    )  # fmt: skip


def _network_row(
    places: Places, config: RunConfig, model: Transformer, tasks: list[Task]
) -> NetworkRow:
    result = open_run(places.run(config)).result
    scores: list[TaskScore] = []
    for task in tasks:
        s = score_network(model, task)
        learned = s.accuracy >= task.floor_accuracy + 0.5 * (1 - task.floor_accuracy)
        scores.append(
            TaskScore(task=task.name, accuracy=s.accuracy, loss=s.loss, learned=learned)
        )
    corpus = _corpus(config.corpus)
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
        return float((model(inputs, None, answers).argmax(-1) == y).float().mean())


@functools.lru_cache(maxsize=4)
def _corpus(config: CorpusConfig) -> Corpus:  # pyright: ignore[reportInvalidTypeForm]
    return load_corpus(config)


@functools.lru_cache(maxsize=16)
def _task(config: CorpusConfig, name: str, n_ctx: int) -> Task:  # pyright: ignore[reportInvalidTypeForm]
    return build_task(name, _corpus(config), n_ctx)


@functools.lru_cache(maxsize=4)
def _network(
    folder: Path, config: RunConfig, network: Network
) -> tuple[Transformer, dict[str, Tensor]]:
    """A network or one of its controls, with its own mean activations."""
    model = open_run(folder).load()
    if network == "untrained":
        model = untrained_twin(model, seed_from(config.seed, "untrained"))
    elif network == "redrawn":
        model = redrawn_on_support(model, config.seed)
    return model, mean_activations(model, _corpus(config.corpus))
