"""Function-by-circuit matrices, worked out by hand and on a network with a known answer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netseams.circuits import Circuit
from netseams.core import SettingError
from netseams.evaluation import (
    FunctionMatrix,
    accuracies,
    accuracy_alone,
    accuracy_without,
    lift_matrix,
    removal_matrix,
    sufficiency_matrix,
)
from netseams.interventions import mean_activations
from netseams.models import sites_of
from planted import TRUE_NODES, PlantedCorpus, planted_model, planted_task

NAMES = ("a", "b", "c")
WHOLE = {"a": 1.0, "b": 0.9, "c": 0.5}
FLOORS = {"a": 0.5, "b": 0.1, "c": 0.5}
WITHOUT = {
    ("a", "a"): 0.5, ("a", "b"): 0.9, ("a", "c"): 0.5,
    ("b", "a"): 0.75, ("b", "b"): 0.0, ("b", "c"): 0.2,
    ("core", "a"): 0.5, ("core", "b"): 0.1, ("core", "c"): 0.5,
}  # fmt: skip


def test_drops_by_hand() -> None:
    """b falls below its floor, which is no more than falling to it; c was never above its own."""
    found = removal_matrix(WHOLE, WITHOUT, FLOORS)
    assert found.rows == ("a", "b", "core")
    assert found.columns == NAMES
    assert found.values == ((1.0, 0.0, None), (0.5, 1.0, None), (1.0, 1.0, None))
    assert found.diagonal_mean == 1.0
    assert found.off_diagonal_mean == pytest.approx((0.0 + 0.5 + 1.0 + 1.0) / 4)
    assert found.specificity() == {"a": 1.0, "b": 0.5}
    assert found.diagonality() == pytest.approx(2 / 2.5)


def test_a_gain_is_no_loss() -> None:
    found = FunctionMatrix.of("ab", "ab", {("a", "a"): 0.5, ("a", "b"): -0.5, ("b", "b"): 0.5})
    assert found.diagonality() == 1.0
    assert found.specificity() == {"a": 1.0}
    assert FunctionMatrix.of("ab", "ab", {("a", "b"): -1.0}).diagonality() is None


def test_one_circuit_alone_is_not_diagonal() -> None:
    alone = FunctionMatrix.of("a", "ab", {("a", "a"): 1.0, ("a", "b"): 0.9})
    assert alone.diagonality() is None
    assert alone.specificity() == {"a": pytest.approx(0.1)}


def test_sufficiency_counts_natural_agreement_as_nothing() -> None:
    """A pure solver of a gets .55 of b right: a circuit with that score does nothing of b."""
    whole, floors = {"a": 1.0, "b": 1.0}, {"a": 0.1, "b": 0.1}
    alone = {("a", "a"): 1.0, ("a", "b"): 0.55, ("b", "a"): 0.1, ("b", "b"): 0.55}
    plain = sufficiency_matrix(whole, alone, floors)
    assert plain.values == (
        (1.0, pytest.approx(0.5)), (pytest.approx(0.0), pytest.approx(0.5))
    )  # fmt: skip
    solvers = {("a", "b"): 0.55, ("b", "a"): 0.55, ("b", "b"): 1.0}
    fair = sufficiency_matrix(whole, alone, floors, solvers)
    assert fair.values == ((1.0, pytest.approx(0.0)), (pytest.approx(0.0), pytest.approx(0.5)))


def test_lift_takes_out_what_random_removal_loses() -> None:
    ours = FunctionMatrix.of("ab", "ab", {("a", "a"): 1.0, ("a", "b"): 0.7, ("b", "a"): 0.2})
    random = [
        FunctionMatrix.of("ab", "ab", {("a", "a"): x, ("a", "b"): x, ("b", "b"): x})
        for x in (0.6, 0.8)
    ]
    lifted = lift_matrix(ours, random)
    assert lifted.values == ((pytest.approx(0.3), pytest.approx(0.0)), (None, None))
    with pytest.raises(SettingError, match="random masks"):
        lift_matrix(ours, [])


cell = st.floats(0.01, 1)


@given(
    st.lists(st.lists(cell, min_size=3, max_size=3), min_size=3, max_size=3), st.permutations(NAMES)
)
def test_the_order_of_names_does_not_matter(rows: list[list[float]], order: list[str]) -> None:
    cells = {(r, c): v for r, line in zip(NAMES, rows, strict=True)
             for c, v in zip(NAMES, line, strict=True)}  # fmt: skip
    one, two = FunctionMatrix.of(NAMES, NAMES, cells), FunctionMatrix.of(order, order, cells)
    assert two.specificity() == pytest.approx(one.specificity())
    assert two.diagonality() == pytest.approx(one.diagonality())
    assert 0 < one.diagonality() < 1


def test_circuits_dealt_out_at_random_have_one_over_n() -> None:
    """Mean over all ways to hand three circuits to three tasks."""
    import itertools

    values = {(r, c): 0.1 + 0.2 * i for i, (r, c) in enumerate(itertools.product(NAMES, NAMES))}
    found = []
    for order in itertools.permutations(NAMES):
        dealt = {(order[NAMES.index(r)], c): v for (r, c), v in values.items()}
        found.append(FunctionMatrix.of(NAMES, NAMES, dealt).diagonality())
    assert sum(found) / len(found) == pytest.approx(1 / 3)


def test_a_planted_circuit_is_needed_and_enough_and_the_rest_is_neither() -> None:
    model, task = planted_model(), planted_task()
    widths = {site.name: site.width for site in sites_of(model.cfg)}
    true = {s: torch.tensor([i in TRUE_NODES[s] for i in range(w)]) for s, w in widths.items()}
    circuits = {
        task.name: Circuit.from_nodes(model, true, task.name, "planted", {}),
        "rest": Circuit.from_nodes(
            model, {s: ~m for s, m in true.items()}, "rest", "planted", {}
        ),
    }  # fmt: skip
    means = mean_activations(model, PlantedCorpus(), 256)
    whole, floors = {task.name: 1.0}, {task.name: task.floor_accuracy}
    without = accuracies(circuits, [task], accuracy_without(model, "mean", means))
    alone = accuracies(circuits, [task], accuracy_alone(model, "mean", means))
    lost = removal_matrix(whole, without, floors).values
    there = sufficiency_matrix(whole, alone, floors).values
    assert lost[0][0] > 0.8
    assert lost[1][0] == 0.0
    assert there[0][0] == 1.0
    assert there[1][0] < 0.2


def test_a_task_without_a_floor() -> None:
    with pytest.raises(SettingError, match="task b needs"):
        removal_matrix(WHOLE, WITHOUT, {"a": 0.5, "c": 0.5})
