"""The claims on rows made by hand."""

import math
import re

import pytest

from netseams.claims import CLAIMS, judge
from netseams.evaluation import SubroutineScores


def verdict(name: str, rows: list[dict]):
    file = CLAIMS[name]
    return judge(file.claim.prediction, file.values(rows), file.counts(rows))


def test_claims_say_what_a_reader_needs():
    assert list(CLAIMS) == [
        "forced_is_robust", "isolated_modules", "necessary_and_sufficient", "only_insisting",
        "pretraining_consistency", "real_by_construction", "robustness_interventions",
        "smaller_at_equal_loss",
    ]  # fmt: skip
    for name in CLAIMS:
        claim = CLAIMS[name].claim
        assert claim.id == name
        assert all(re.fullmatch(r"\d{4}\.\d{5}", i) for i in claim.arxiv_ids)
        assert claim.would_change_it
        assert claim.prediction.n_seeds >= 8
        assert CLAIMS[name].values([]).keys() == set(claim.prediction.conditions)
        assert verdict(name, []).word == "not_tested"


def mask(seed: int, kind: str = "necessity", without_other: float | None = 1.0, **changes) -> dict:
    """Takes all of its own subroutine away; `without_other` None: not found."""
    scores = None
    if without_other is not None:
        scores = SubroutineScores(
            whole_target=1.0, whole_other=1.0, alone_target=1.0, alone_other=0.25,
            without_target=0.25, without_other=without_other,
            random_target=(1.0,), random_other=(1.0,),
        ).model_dump(mode="json")  # fmt: skip
    return {
        "what": "mask", "medium": "language", "condition": "scratch", "rule": "r", "seed": seed,
        "mask": kind, "subroutine": "a", "scores": scores, **changes,
    }  # fmt: skip


def network(seed: int, composite: float = 1.0, **changes) -> dict:
    row = {"what": "network", "medium": "language", "condition": "scratch", "seed": seed}
    return {**row, "accuracy": {"composite": composite}, **changes}


def test_isolated_modules_are_counted_per_trained_network():
    rows = [{"what": "language_model", "seed": 0}]
    for seed in range(8):
        rows += [
            network(seed),
            network(seed, condition="pretrained"),
            network(seed, medium="vision"),
        ]
        rows += [mask(seed), mask(seed, without_other=0.25)]  # one of two
        rows += [mask(seed, condition="pretrained"), mask(seed, condition="pretrained")]
        rows += [mask(seed, medium="vision"), mask(seed, medium="vision")]
        rows += [mask(seed, condition="untrained", without_other=0.25)]
        rows += [mask(seed, kind="labels", without_other=0.25)]
    values = CLAIMS["isolated_modules"].values(rows)
    assert values == {
        "language": {s: [0.75] for s in range(8)},
        "vision": {s: [1.0] for s in range(8)},
    }
    found = verdict("isolated_modules", rows)
    assert found.word == "conditional"
    assert "language refuted" in found.reason
    assert "vision supported" in found.reason


def test_a_mask_that_was_not_found_isolates_nothing_and_networks_that_failed_stay():
    rows = [network(s, composite=0.5 if s < 2 else 1.0, medium="vision") for s in range(8)]
    rows += [mask(s, medium="vision", without_other=None if s < 5 else 1.0) for s in range(8)]
    found = verdict("isolated_modules", rows).conditions[1]
    assert found.values == {s: [0.0 if s < 5 else 1.0] for s in range(8)}
    assert "5 of 8 masks were not found and count as failures" in found.reason
    assert "in 2 of 8 cases the network had not learned" in found.reason


def test_pretraining_is_paired_by_seed():
    rows = [mask(s, "labels", 0.25) for s in range(9)]  # takes both: 0
    rows += [mask(s, "labels", 1.0, condition="pretrained") for s in range(8)]  # takes one: 1
    rows += [mask(8, "labels", None, condition="pretrained")]
    rows += [network(s, condition=c) for s in range(9) for c in ("scratch", "pretrained")]
    found = verdict("pretraining_consistency", rows)
    assert found.conditions[0].values == {**{s: [1.0] for s in range(8)}, 8: []}
    assert found.word == "supported"
    assert "seed 8 without a value" in found.reason
    assert "1 of 18 masks were not found and are left out" in found.reason


TESTS = ("sufficient", "necessary", "random_removed")


def audit(arm: str, seed: int, task: str = "reverse", fails: tuple[str, ...] = (), **changes):
    row = {
        "arm": arm, "seed": seed, "network": "trained", "task": task, "accuracy": 1.0,
        "learned": True, "found": True, "nodes": 10, "edges": 100, "word": "stable", "rung": 4,
        "tests": {t: {"outcome": "fail" if t in fails else "pass", "value": 1.0, "control": None}
                  for t in TESTS},
    }  # fmt: skip
    return {**row, **changes}


NOT_FOUND = {"found": False, "nodes": None, "edges": None, "word": "none", "rung": 0, "tests": {}}


def test_a_circuit_must_pass_all_three():
    rows = [audit("weight_sparse", s) for s in range(8)]
    rows += [audit("dense", s, fails=TESTS) for s in range(8)]
    rows += [audit("weight_sparse", s, network="untrained", fails=TESTS) for s in range(8)]
    assert verdict("necessary_and_sufficient", rows).word == "supported"
    rows += [audit("weight_sparse", s, "rotate", fails=("necessary",)) for s in range(8)]
    found = verdict("necessary_and_sufficient", rows)
    assert found.word == "refuted"
    assert found.conditions[0].values == {s: [0.5] for s in range(8)}
    untold = [
        audit("weight_sparse", s, tests={"sufficient": {"outcome": "not_applicable"}})
        for s in range(8)
    ]
    assert verdict("necessary_and_sufficient", untold).word == "refuted"
    lost = [audit("weight_sparse", s, **NOT_FOUND, learned=s > 0) for s in range(8)]
    found = verdict("necessary_and_sufficient", lost)
    assert found.word == "refuted"
    assert "8 of 8 circuits were not found and count as failures" in found.reason
    assert "in 1 of 8 cases the network had not learned its task" in found.reason


def test_sizes_are_paired_by_seed_and_task():
    rows = []
    for s in range(8):
        rows += [audit("dense", s, edges=400 + s), audit("weight_sparse", s, edges=100)]
        rows += [
            audit("dense", s, "rotate", edges=100),
            audit("weight_sparse", s, "rotate", **NOT_FOUND),
        ]
    found = verdict("smaller_at_equal_loss", rows)
    edges, selection = found.conditions
    assert edges.values == {s: [pytest.approx(math.log((400 + s) / 100))] for s in range(8)}
    assert (edges.word, selection.word, found.word) == ("supported", "not_tested", "conditional")
    assert "8 of 16 pairs of circuits with edges were not found and are left out" in edges.reason
    # The dense network has four times the edges, so the shares are about equal.
    whole = {"dense": 4000, "weight_sparse": 1000}
    rows = [{**row, "edges_in_network": whole[row["arm"]]} for row in rows]
    found = verdict("smaller_at_equal_loss", rows)
    assert [c.word for c in found.conditions] == ["supported", "equivalent_to_null"]


def test_a_seed_without_a_pair_has_no_value():
    rows = [audit("dense", 0), audit("weight_sparse", 0, **NOT_FOUND), audit("dense", 1, edges=0)]
    rows += [audit("weight_sparse", 1)]
    assert CLAIMS["smaller_at_equal_loss"].values(rows)["edges"] == {0: [], 1: []}


def test_real_is_what_reaches_the_third_rung():
    rows = [audit("weight_sparse", s, rung=3) for s in range(8)]
    assert verdict("real_by_construction", rows).word == "supported"
    rows += [audit("weight_sparse", s, "rotate", rung=2) for s in range(8)]
    assert verdict("real_by_construction", rows).word == "refuted"


def test_rungs_are_paired_by_seed_and_none_found_is_rung_0():
    rows = [audit("weight_sparse", s, rung=4) for s in range(8)]
    rows += [audit("weight_sparse", s, "rotate", **{**NOT_FOUND, "rung": 5}) for s in range(8)]
    rows += [audit("dense", s, rung=1 + s % 2) for s in range(7)]
    found = verdict("only_insisting", rows)
    # (4 + 0) / 2 minus 1 or 2; the last seed has no dense network.
    assert found.conditions[0].values == {**{s: [1.0 - s % 2] for s in range(7)}, 7: []}
    assert found.word == "not_tested"
    rows += [audit("dense", 7, rung=1)]
    assert verdict("only_insisting", rows).word == "supported"


def test_interventions_are_held_against_ordinary_networks_one_by_one():
    rows = [audit("dense", s, rung=2) for s in range(8)]
    rows += [audit("dropout", s, rung=3) for s in range(8)]
    rows += [audit("local", s, **NOT_FOUND) for s in range(8)]
    rows += [audit("adversarial", s, rung=2) for s in range(7)]
    rows += [audit("weight_sparse", s, rung=5) for s in range(8)]  # forced: no part of the claim
    found = verdict("robustness_interventions", rows)
    words = {c.condition: c.word for c in found.conditions}
    assert words == {
        "dropout": "supported", "activity_noise": "not_tested", "adversarial": "not_tested",
        "clustered": "not_tested", "local": "refuted",
    }  # fmt: skip
    assert found.word == "conditional"
    assert found.conditions[-1].values == {s: [-2.0] for s in range(8)}
