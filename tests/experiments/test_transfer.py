"""Parts by hand, findings of hand-made rows, and a whole small run."""

import pytest
import torch

from netseams.corpora import TwoCalls, TwoCallsConfig
from netseams.discovery import WeightMaskConfig, function_of
from netseams.experiments import run_experiment
from netseams.experiments.transfer import Transfer, TransferConfig, as_many, halves
from netseams.experiments.transfer_findings import excess_by_seed, transfer_findings
from netseams.tasks import build_task
from netseams.training import Dense, TrainConfig, WeightSparse
from netseams_recipes.emergent import known_parts


def test_halves_are_told_apart_by_the_sum_of_tokens() -> None:
    corpus = TwoCalls(TwoCallsConfig())
    whole = function_of(build_task("first_add", corpus, corpus.n_positions))
    even, odd = halves(whole)
    for split, (tokens, _) in whole.rows.items():
        sums = [sum(row) % 2 for row in tokens.tolist()]
        assert len(even.rows[split][0]) == sums.count(0) > 0
        assert len(odd.rows[split][1]) == sums.count(1) > 0


def test_as_many_live_weights_are_drawn_of_every_matrix() -> None:
    live = {"a": torch.rand(6, 5) > 0.5, "b": torch.ones(3, 3, dtype=torch.bool)}
    masks = {"a": live["a"] & (torch.rand(6, 5) > 0.5), "b": torch.eye(3, dtype=torch.bool)}
    drawn = as_many(masks, live, 0)
    for name, mask in masks.items():
        assert drawn[name].sum() == mask.sum()
        assert not (drawn[name] & ~live[name]).any()
    assert not torch.equal(drawn["b"], as_many(masks, live, 1)["b"])


def row(arm: str, seed: int, kind: str, free_lost: float | None, reached: bool = True) -> dict:
    return {
        "arm": arm, "seed": seed, "kind": kind, "task": "first_add", "free": "second_add",
        "reached": reached, "best_loss": 0.1, "whole": 1.0, "share": 0.01, "own_lost": 1.0,
        "free_lost": free_lost, "kept_lost": 0.0, "random_own_lost": 0.1, "random_free_lost": 0.1,
    }  # fmt: skip


def test_excess_and_answer_are_paired_by_call_and_seed() -> None:
    rows = [row("dense", s, "same", 0.5) for s in range(8)]
    rows += [row("dense", s, "different", 0.5 - 0.01 * s) for s in range(8)]
    rows += [row("sparse", s, "same", 0.9) for s in range(8)]
    rows += [row("sparse", s, "different", 0.1) for s in range(7)]
    rows += [row("sparse", 7, "different", None, reached=False), row("dense", 0, "phantom", 1.0)]
    dense = excess_by_seed(rows, "dense")
    assert dense == {s: pytest.approx(0.01 * s) for s in range(8)}
    assert excess_by_seed(rows, "sparse") == {s: pytest.approx(0.8) for s in range(7)}
    found = transfer_findings(Transfer(), range(8), ["dense", "sparse"], rows)
    # .80 minus .00, .01 .. .06: the mean is .77.
    assert "sparse minus dense: +0.77, 7 paired seeds." in found.answer
    assert found.answer[-1] == "A phantom could be taken away in 1 of 1 networks."


@pytest.mark.slow
def test_a_small_run_leaves_a_row_for_every_search(tmp_path) -> None:
    run = known_parts("two_calls")
    config = TransferConfig(
        run=run.model_copy(update={"train": TrainConfig(steps=3, batch_size=8)}),
        operations=("add", "multiply", "max"),
        arms={"dense": Dense(), "weight_sparse": WeightSparse(density=0.2)},
        search=WeightMaskConfig(steps=4, snapshots=2, bisections=1),
        target=9.0,
        random_masks=1,
    )
    found = run_experiment(Transfer(), config, tmp_path)
    assert [line[:3] for line in found.tables[0].rows] == [
        [arm, kind, "6/6" if kind != "phantom" else "1/1"]
        for arm in ("dense", "weight_sparse")
        for kind in ("same", "different", "phantom")
    ]
    assert [line[0] for line in found.tables[1].rows] == ["all", "add", "multiply", "max"]
