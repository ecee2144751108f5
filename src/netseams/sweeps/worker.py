"""One point from beginning to end, and a worker that takes one after the other."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from netseams.core import Config, DivergedError, seed_from
from netseams.corpora import load_corpus
from netseams.discovery import NodeMasks
from netseams.evaluation import is_learned, score_network
from netseams.interventions import mean_activations, untrained_twin
from netseams.models import Network
from netseams.store import write_text
from netseams.sweeps.plan import Plan, Point, Searches
from netseams.sweeps.store import PointResult, SearchRow, SweepStore
from netseams.tasks import Task, build_task
from netseams.training import Progress, TrainedRun, train

POLL = 0.5
"""Seconds between looks at points that others hold."""

_Which = Literal["trained", "untrained"]
Report = Callable[[str, int, int, str], None]
"""(point, steps done, steps in all, a word); done equals all, without a word, at its end."""


class _Kept(Config):
    """The rows of one search, beside its network."""

    rows: tuple[SearchRow, ...]


def work(plan: Plan, store: SweepStore, report: Report, first: int = 0) -> None:
    """Take points that nobody works on until there is none left, in this process.

    Waits for those that others hold: should one of them die, its point is taken up from its last
    checkpoint.

    Args:
        first: where in the plan to begin, so that workers do not all try the same point.

    Raises:
        NetseamsError: what a point cannot be run for, but for a loss that is no number.
    """
    points = [*plan.points[first:], *plan.points[:first]]
    while waiting := [point for point in points if store.state(point) == "waiting"]:
        taken = 0
        for point in waiting:
            with store.claim(point) as mine:
                if mine and store.state(point) == "waiting":
                    taken += 1
                    run_point(point, store, lambda d, t, w, name=point.name: report(name, d, t, w))
        if not taken:
            time.sleep(POLL)


def run_point(point: Point, store: SweepStore, progress: Progress) -> None:
    """Train and search, or go on where somebody stopped; the caller holds the point."""
    folder = store.folder(point)
    try:
        run = train(point.run, folder / "run", progress)
    except DivergedError as error:
        store.mark_diverged(point, error)
        progress(1, 1, "")
        return
    started = time.perf_counter()
    rows = [] if point.searches is None else _search_all(point, run, folder, progress)
    result = run.result
    store.finish(
        point,
        PointResult(
            name=point.name, point=point.digest(), seed=point.run.seed, arm=point.run.arm,
            test_loss=result.test_loss, n_parameters=result.n_parameters, l0=result.l0,
            n_edge_weights=result.n_edge_weights, l0_edges=result.l0_edges,
            fingerprint=result.fingerprint, searches=tuple(rows),
            seconds=result.seconds + time.perf_counter() - started,
        ),
    )  # fmt: skip
    progress(1, 1, "")


def _search_all(point: Point, run: TrainedRun, folder: Path, progress: Progress) -> list[SearchRow]:
    asked = point.searches
    assert asked is not None
    corpus, model = load_corpus(point.run.corpus), run.load()
    searched: list[tuple[_Which, str]] = [("trained", task) for task in asked.tasks]
    if asked.untrained:
        searched.append(("untrained", asked.tasks[0]))
    rows: list[SearchRow] = []
    for number, (network, name) in enumerate(searched):
        progress(number, len(searched), f"search {name}")
        path = folder / f"search-{network}-{name}.json"
        if not path.exists():
            wanted = model
            if network == "untrained":
                wanted = untrained_twin(model, seed_from(point.run.seed, "untrained"))
            task = build_task(name, corpus, point.run.model.n_ctx)
            means = mean_activations(wanted, corpus)
            found = _search(asked, point.run.seed, wanted, task, means, network)
            write_text(path, _Kept(rows=tuple(found)).model_dump_json(indent=1))
        rows += _Kept.read(path).rows
    return rows


def _search(
    asked: Searches, seed: int, model: Network, task: Task, means: Mapping[str, Tensor],
    network: _Which,
) -> list[SearchRow]:  # fmt: skip
    config = asked.search.model_copy(update={"seed": seed_from(seed, "search", task.name)})
    fitted = NodeMasks(config).fit(model, task, means, asked.targets)
    accuracy = score_network(model, task).accuracy
    best = min(point.loss for point in fitted.curve_)
    return [
        SearchRow(
            task=task.name, network=network, target=target,
            nodes=None if circuit is None else circuit.n_nodes,
            edges=None if circuit is None else circuit.n_edges,
            accuracy=accuracy, learned=is_learned(accuracy, task.floor_accuracy), best_loss=best,
        )
        for target, circuit in fitted.circuits_.items()
    ]  # fmt: skip
