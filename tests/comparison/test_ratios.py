"""Ratios and rows of arms on numbers that can be worked out by hand."""

import math

import pytest

from netseams.comparison import Arm, Setting
from netseams.comparison.answer import answer
from netseams.comparison.arms import arm_rows, common_tasks
from netseams.comparison.config import CompareConfig
from netseams.comparison.evidence import Evidence
from netseams.comparison.matching import size_ratios
from netseams.comparison.records import Measurement, RunMeasures, SearchRecord
from netseams.comparison.result import (
    CircuitRow,
    NetworkRow,
    SearchRow,
    SizeRatio,
    TaskFacts,
    TaskScore,
)
from netseams.interventions import ABLATIONS
from netseams.training import matched_arm
from small_comparison import SMALL

FOUR = ("dense", "weight_sparse", "pruned", "random_support")
TASKS = ("reverse", "rotate")
NETWORK = {"dense": 1000, "weight_sparse": 100, "pruned": 100, "random_support": 100}
TARGET = 0.6
# Edges and nodes of circuits, by arm and task; random_support never reaches `rotate`.
SIZES = {
    ("dense", "reverse"): (400, 20),
    ("dense", "rotate"): (100, 40),
    ("weight_sparse", "reverse"): (10, 10),
    ("weight_sparse", "rotate"): (10, 10),
    ("pruned", "reverse"): (40, 20),
    ("pruned", "rotate"): (40, 40),
    ("random_support", "reverse"): (100, 80),
    ("random_support", "rotate"): None,
}
SETTING = Setting.model_validate(
    {
        **dict(SMALL.settings[0]),
        "arms": [
            Arm.model_validate(
                {"name": n, "sparsity": matched_arm(n, SMALL.settings[0].arms[1].sparsity)}
            )
            for n in FOUR
        ],
        "also_against": "weight_sparse",
        "targets": (TARGET,),
    }
)


def evidence(calibrated: bool = False, lost: str = "") -> Evidence:
    """Two seeds of four arms; no circuit of the arm `lost` reaches the target."""
    tasks = [
        TaskFacts(corpus="string_ops", name=n, question="?", floor_accuracy=0.1, floor_loss=2.3)
        for n in TASKS
    ]
    searches = [
        _search(arm, seed, task, calibrated, None if arm == lost else SIZES[arm, task])
        for arm in FOUR
        for seed in (0, 1)
        for task in TASKS
    ]
    return Evidence(tasks, searches, [_measures(arm, seed) for arm in FOUR for seed in (0, 1)])


def _search(
    arm: str, seed: int, task: str, calibrated: bool, found: tuple[int, int] | None
) -> SearchRecord:
    where = {"corpus": "string_ops", "arm": arm, "seed": seed, "network": "trained", "task": task}
    # Seed 1 has circuits of four times the edges in every arm: no ratio may change.
    factor = 4 if seed else 1
    rows = [
        CircuitRow(
            **where, target=TARGET, network_edges=NETWORK[arm], reached=found is not None,
            nodes=found and found[1], edges=found and found[0] * factor // (2 if fitted else 1),
            node_share=None, edge_share=None, loss=0.5, accuracy=0.9, path=None,
            calibrated=fitted,
        )
        for fitted in ((False, True) if calibrated else (False,))
    ]  # fmt: skip
    search = SearchRow(
        **where, curve_nodes=[1], curve_edges=[1], curve_loss=[1.0], best_loss=1.0, steps=1,
        training_sequences=1, evaluations=1, seconds=1.0,
    )  # fmt: skip
    return SearchRecord(search=search, circuits=rows)


def _measures(arm: str, seed: int) -> RunMeasures:
    scores = [TaskScore(task=t, accuracy=0.9, loss=0.2, learned=True) for t in TASKS]
    network = NetworkRow(
        run=f"{arm}-{seed}", corpus="string_ops", arm=arm, seed=seed, valid_loss=1.0,
        test_loss=1.0 + seed, n_parameters=2000, l0=2 * NETWORK[arm], n_edge_weights=1000,
        edges=NETWORK[arm], nodes=100, edge_density=NETWORK[arm] / 1000, tokens=1, steps=1,
        train_seconds=1.0, tasks=scores, extra={},
    )  # fmt: skip
    same = {
        "run": network.run, "circuit": "c", "corpus": "string_ops", "arm": arm, "seed": seed,
        "part": "whole", "n_nodes": 1, "n_edges": 1,
    }  # fmt: skip
    alone = {"mean": 0.8, "zero": 0.6, "resample": 0.4}
    rows = [
        Measurement.model_validate(
            {**same, "circuit_task": task, "task": task, "question": question, "ablation": kind,
             "accuracy": alone[kind] if question == "keep" else 0.5}
        )
        for task in TASKS for kind in ABLATIONS for question in ("keep", "remove")
    ]  # fmt: skip
    return RunMeasures(network=network, rows=rows, seconds=1.0)


def ratios(**options: bool) -> dict[tuple[str, str], SizeRatio]:
    found = size_ratios(SETTING, evidence(**options), (0, 1))
    return {(r.numerator, r.denominator): r for r in found if not r.calibrated}


def test_reference_over_every_other_arm_and_the_others_over_the_second():
    assert list(ratios()) == [
        ("dense", "weight_sparse"),
        ("dense", "pruned"),
        ("dense", "random_support"),
        ("pruned", "weight_sparse"),
        ("random_support", "weight_sparse"),
    ]


def test_ratios_are_those_worked_out_by_hand():
    found = ratios()
    # sqrt(40 * 10) edges, sqrt(2 * 4) nodes, 10 in density, so 2 in selection.
    r = found["dense", "weight_sparse"]
    assert r.edges.value == pytest.approx(20)
    assert r.nodes.value == pytest.approx(math.sqrt(8))
    assert r.density.value == pytest.approx(10)
    assert r.selection.value == pytest.approx(2)
    # sqrt(10 * 2.5) edges.
    assert found["dense", "pruned"].edges.value == pytest.approx(5)
    # Equal densities: selection is all of it.
    r = found["pruned", "weight_sparse"]
    assert r.density.value == pytest.approx(1)
    assert r.edges.value == pytest.approx(4)
    assert r.selection.value == pytest.approx(4)


def test_tasks_that_one_of_a_pair_missed_leave_that_pair_alone():
    r = ratios()["random_support", "weight_sparse"]
    assert r.tasks == ["reverse"]
    assert r.edges.value == pytest.approx(10)
    assert r.note == "left out: rotate: random_support did not reach 0.6 nats (seeds [0, 1])"
    assert ratios()["dense", "weight_sparse"].tasks == ["reverse", "rotate"]


def test_calibrated_circuits_have_rows_of_their_own():
    found = size_ratios(SETTING, evidence(calibrated=True), (0, 1))
    assert [r.calibrated for r in found[:2]] == [False, True]
    plain = ratios(calibrated=True)["dense", "weight_sparse"]
    assert plain == ratios()["dense", "weight_sparse"]
    assert found[1].edges.value == pytest.approx(20)  # both halved


def test_a_row_for_every_arm_over_the_same_tasks():
    rows = {row.name: row for row in arm_rows(SETTING, evidence(lost="random_support"), (0, 1))}
    assert list(rows) == list(FOUR)
    assert rows["dense"].reference
    assert rows["dense"].tasks == ["reverse", "rotate"]
    # Seeds 0 and 1: sqrt(400 * 100) = 200 and four times that; their geometric mean.
    assert [p.edges for p in rows["dense"].points] == pytest.approx([200, 800])
    assert rows["dense"].edges.value == pytest.approx(400)
    assert rows["dense"].edge_share.value == pytest.approx(0.4)
    assert rows["weight_sparse"].edges.value == pytest.approx(20)
    assert rows["pruned"].nodes.value == pytest.approx(math.sqrt(20 * 40))
    assert rows["pruned"].test_loss.value == pytest.approx(1.5)
    assert rows["pruned"].alone["zero"].value == pytest.approx(0.6)
    # (0.9 - 0.5) / (0.9 - 0.1)
    assert rows["pruned"].necessity["mean"].value == pytest.approx(0.5)
    lost = rows["random_support"]
    assert (lost.edges, lost.n_learned, lost.n_reached, lost.n_tasks) == (None, 2, 0, 2)
    assert lost.note.startswith("reverse: random_support did not reach 0.6 nats (seeds [0, 1]); ")
    assert [p.edges for p in lost.points] == [None, None]


def test_a_task_that_one_arm_missed_leaves_that_arm_without_a_size():
    rows = arm_rows(SETTING, evidence(), (0, 1))
    assert [row.tasks for row in rows] == [["reverse", "rotate"]] * 3 + [[]]
    assert [row.n_reached for row in rows] == [2, 2, 2, 1]
    assert rows[0].edges.value == pytest.approx(400)  # of 400, 100 and, in seed 1, 1600, 400
    assert rows[3].edges is None


def test_sizes_are_over_the_tasks_that_most_arms_hold():
    assert common_tasks({"a": ["x", "y"], "b": ["x", "y"], "c": []}) == ["x", "y"]
    assert common_tasks({"a": ["x", "y"], "b": ["y"], "c": ["z"]}) == ["y"]
    assert common_tasks({"a": [], "b": []}) == []
    # One weak arm does not take the others' sizes away: it is the one without.
    assert common_tasks({"a": ["x", "y"], "b": ["x", "y"], "c": ["x", "y"], "d": ["x"]}) == [
        "x",
        "y",
    ]
    # Nor does each arm's own missing task leave a table without any: 4 x 2 sizes, not 3 x 2.
    each = {"a": "pqx", "b": "pqy", "c": "pqz", "d": "pqw"}
    assert common_tasks({arm: list(tasks) for arm, tasks in each.items()}) == ["p", "q"]
    assert common_tasks({"a": ["x"], "b": ["y"], "c": ["z"]}) == ["x"]


def test_the_answer_for_four_arms_is_made_of_the_numbers():
    config = CompareConfig(settings=(SETTING,), seeds=(0, 1))
    found = size_ratios(SETTING, evidence(), (0, 1))
    assert answer(config, found, [], [])[0] == (
        "At equal task loss on string_ops (0.6 nats), circuits of the dense network have, against "
        "the weight-sparse one (reverse, rotate), 20x the edges (10x density, 2x selection) and "
        "2.83x the nodes; against the pruned one (reverse, rotate), 5x the edges (10x density, "
        "0.5x selection) and 1x the nodes; against the random-support one (reverse), 4x the edges "
        "(10x density, 0.4x selection) and 0.25x the nodes; circuits of the pruned network have, "
        "against the weight-sparse one (reverse, rotate), 4x the edges (1x density, 4x selection) "
        "and 2.83x the nodes; circuits of the random-support network have, against the "
        "weight-sparse one (reverse), 10x the edges (1x density, 10x selection) and 8x the nodes."
    )


def test_the_answer_for_many_arms_is_a_range():
    extra = Arm.model_validate({"name": "pruned_too", "sparsity": SETTING.arms[2].sparsity})
    many = Setting.model_validate({**dict(SETTING), "arms": (*SETTING.arms, extra)})
    found = size_ratios(SETTING, evidence(), (0, 1))
    assert answer(CompareConfig(settings=(many,), seeds=(0, 1)), found, [], [])[0] == (
        "At equal task loss on string_ops (0.6 nats), circuits of the dense network have 4x "
        "(against random-support) to 20x (against weight-sparse) the edges and 0.25x (against "
        "random-support) to 2.83x (against weight-sparse) the nodes of those of the other arms."
    )
