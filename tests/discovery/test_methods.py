"""One contract for every registered method."""

import copy
import functools
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from netseams.circuits import Circuit, fill_for, logits_with
from netseams.core import NetseamsError, TaskError
from netseams.discovery import METHODS, Method
from netseams.interventions import mean_activations
from netseams.models import Transformer
from netseams.tasks import Task
from planted import PlantedCorpus, planted_model, planted_task

TARGETS = (0.3, 0.05, 1e-4)
"""Nats. The whole network has 0.012: the last one cannot be met."""
LENGTH = 100
"""Steps at most: learners are cut short, so that the battery stays quick."""


def quick(name: str) -> Method:
    method: Any = METHODS[name]()
    if getattr(method.config, "steps", 0) > LENGTH:
        method.config = method.config.model_copy(update={"steps": LENGTH})
    return method


@functools.cache
def means() -> dict[str, Tensor]:
    return mean_activations(planted_model(), PlantedCorpus())


@dataclass
class Search:
    method: Any
    model: Transformer
    task: Task
    config: dict[str, Any]
    """As it was before."""


def search(name: str, task: Task | None = None, model: Transformer | None = None) -> Search:
    method, task, model = quick(name), task or planted_task(), model or planted_model()
    before = method.config.model_dump()
    method.fit(model, task, means(), TARGETS)
    return Search(method, model, task, before)


@functools.cache
def found(name: str) -> Search:
    """One search of the planted network, shared by all questions."""
    return search(name)


def select_loss(circuit: Circuit, model: Transformer, task: Task) -> float:
    """Measured anew."""
    tokens, targets = task.rows("select")
    answers = task.answers.expand(len(tokens), -1)
    with torch.no_grad():
        fill = fill_for(circuit, circuit.found_by["ablation"], model, means(), task, "select")
        logits = task.candidate_logits(logits_with(circuit, model, tokens, fill, answers))
    return float(F.cross_entropy(logits.flatten(0, 1), targets.flatten()))


def size(thing: Any, granularity: str) -> int:
    """Of a circuit or of a point on the curve."""
    if granularity == "components":
        return len(thing.links) if isinstance(thing, Circuit) else thing.n_links
    return thing.n_nodes if granularity == "nodes" else thing.n_edges


@pytest.fixture(params=list(METHODS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_targets_are_met_when_measured_anew(name: str) -> None:
    s = found(name)
    assert set(s.method.circuits_) == set(TARGETS)
    assert s.method.circuits_[1e-4] is None
    for target in (0.3, 0.05):
        circuit = s.method.circuits_[target]
        assert circuit is not None, f"{name} does not find the planted circuit"
        loss = select_loss(circuit, s.model, s.task)
        assert loss <= target
        assert loss == pytest.approx(s.method.losses_[target], abs=1e-5)
        assert circuit.granularity == s.method.granularity
        assert circuit.found_by["method"] == name
        assert circuit.found_by["target_loss"] == target


def test_the_circuit_is_small(name: str) -> None:
    """Much smaller than the network, and no larger than what the curve shows for its target."""
    s = found(name)
    circuit = s.method.circuits_[0.3]
    assert 0 < circuit.n_nodes < circuit.nodes_in_network
    kind = s.method.granularity
    good = [size(point, kind) for point in s.method.curve_ if point.loss <= 0.3]
    assert good
    assert size(circuit, kind) <= min(good)


def test_the_curve_is_within_the_network(name: str) -> None:
    s = found(name)
    whole = s.method.circuits_[0.3]
    assert s.method.curve_
    for point in s.method.curve_:
        assert 0 <= point.n_nodes <= whole.nodes_in_network
        assert 0 <= point.n_edges <= whole.edges_in_network
        assert point.loss >= 0


def test_the_budget_is_filled(name: str) -> None:
    s = found(name)
    budget = s.method.budget_
    assert budget.evaluations > 0
    assert budget.seconds > 0
    assert budget.steps >= 0
    assert budget.training_sequences >= 0


def test_settings_and_model_stay_what_they_were(name: str) -> None:
    s = found(name)
    assert s.method.config.model_dump() == s.config
    for (key, parameter), ours in zip(
        planted_model().named_parameters(), s.model.parameters(), strict=True
    ):
        assert torch.equal(parameter, ours), key
        assert ours.requires_grad, key
        assert ours.grad is None, key


def test_the_same_seed_finds_the_same(name: str) -> None:
    first, again = found(name).method, search(name).method
    assert list(first.curve_) == list(again.curve_)
    for target in TARGETS:
        one, other = first.circuits_[target], again.circuits_[target]
        if one is None:
            assert other is None
            continue
        assert one.links == other.links
        assert all(torch.equal(mask, other.nodes[site]) for site, mask in one.nodes.items())
        assert all(torch.equal(mask, other.edges[matrix]) for matrix, mask in one.edges.items())


def test_activations_that_are_no_numbers_are_refused(name: str) -> None:
    model = planted_model()
    with torch.no_grad():
        model.blocks[0].attn.v.weight[0, 0] = torch.nan
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(NetseamsError, match=r"finite|not a number|NaN"):
        search(name, model=model)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0, equal_nan=True)
    assert all(p.requires_grad for p in model.parameters())


def resamples(name: str) -> bool:
    config: Any = vars(quick(name))["config"]
    return getattr(config, "ablation", None) == "resample"


@pytest.mark.parametrize("resampling", [name for name in METHODS if resamples(name)])
def test_resampling_needs_pairs_that_differ(resampling: str) -> None:
    task = planted_task()
    same = {
        split: replace(e, corrupt=e.clean, corrupt_targets=e.clean_targets)
        for split, e in task.splits.items()
    }
    with pytest.raises(TaskError, match="the same"):
        search(resampling, replace(task, splits=same))
