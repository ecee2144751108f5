"""Findings of hand-made rows, and a whole small run."""

import pytest

from netseams.core import generator
from netseams.corpora import TwoCalls, TwoCallsConfig
from netseams.discovery import NodeMaskConfig
from netseams.experiments import run_experiment
from netseams.experiments.reuse import Language, Reuse, ReuseConfig
from netseams.experiments.reuse_findings import excess_by_seed, reuse_findings
from netseams.tasks import build_task, task_names
from netseams.training import Dense, TrainConfig, WeightSparse
from netseams_recipes.emergent import known_parts


def test_rows_of_two_calls_against_plain_arithmetic():
    corpus = TwoCalls(TwoCallsConfig(modulus=7))
    batch = corpus.batch("train", 200, corpus.n_positions, generator("two calls"))
    apply = {"add": lambda a, b: (a + b) % 7, "multiply": lambda a, b: a * b % 7, "max": max}
    seen = set()
    for row, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        f, a, b, g, c, d, *reads = [corpus.text_of(token) for token in row]
        assert reads == ["READ1", "READ2"]
        assert target[6:] == [apply[f](int(a), int(b)), apply[g](int(c), int(d))]
        assert set(target[:6]) == {-100}
        seen.add((f, g))
    assert len(seen) == 9


def test_a_call_task_changes_one_function_and_asks_for_its_answer():
    corpus = TwoCalls(TwoCallsConfig())
    assert len(task_names(corpus)) == 6
    task = build_task("second_max", corpus, corpus.n_positions)
    examples = task.splits["report"]
    assert task.answers.tolist() == [7]
    for clean, corrupt, target in zip(
        examples.clean.tolist(), examples.corrupt.tolist(), examples.clean_targets, strict=True
    ):
        assert corpus.text_of(clean[3]) == "max" != corpus.text_of(corrupt[3])
        assert clean[:3] + clean[4:] == corrupt[:3] + corrupt[4:]
        assert target.tolist() == [max(clean[4], clean[5])]


def row(arm, seed, kind, reused):
    return {
        "what": "pair", "language": "L", "arm": arm, "seed": seed, "network": "trained",
        "kind": kind, "pair": ["a", "b"], "overlap": 0.5, "transfer": None, "reused": reused,
    }  # fmt: skip


def test_excess_is_same_minus_different_by_seed():
    rows = [
        row("dense", 0, "same", 0.6), row("dense", 0, "same", 0.4),
        row("dense", 0, "different", 0.3), row("dense", 1, "same", 0.9),
        row("dense", 2, "same", None), row("dense", 2, "different", 0.1),
    ]  # fmt: skip
    assert excess_by_seed(rows, "reused") == {0: pytest.approx(0.2)}
    only = [r for r in rows if r["kind"] == "same"]
    assert excess_by_seed(only, "reused") == {0: pytest.approx(0.5), 1: 0.9}


def test_the_answer_pairs_arms_by_seed():
    rows = [
        {
            "what": "circuit", "language": "L", "arm": arm, "seed": s, "network": "trained",
            "task": "a", "accuracy": 1.0, "learned": True, "nodes": 3, "edges": 4,
        }
        for arm in ("dense", "sparse")
        for s in range(8)
    ]  # fmt: skip
    for s in range(8):
        rows += [row("dense", s, "same", 0.2), row("sparse", s, "same", 0.5 + 0.01 * s)]
    found = reuse_findings(Reuse(), range(8), ["dense", "sparse"], rows)
    # Differences .30, .31 .. .37: the mean is .335, and all signs agree: p = 2 / 2^8.
    assert "+0.34" in found.answer[0] or "+0.33" in found.answer[0]
    assert "p 0.008" in found.answer[0]
    assert not found.exploratory


def test_a_small_run_leaves_a_row_for_every_network(tmp_path):
    run = known_parts("double_addition")
    train = TrainConfig(steps=3, batch_size=8)
    language = Language(
        name="sums",
        run=run.model_copy(update={"train": train}),
        same=(("add_first", "add_second"),),
    )
    config = ReuseConfig(
        languages=(language,),
        arms={"dense": Dense(), "weight_sparse": WeightSparse(density=0.2)},
        search=NodeMaskConfig(steps=3, snapshots=1, bisections=1),
    )
    found = run_experiment(Reuse(), config, tmp_path)
    assert len(found.tables[0].rows) == 4
    assert "no value in any seed" in found.answer[0]
