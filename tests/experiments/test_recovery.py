"""Scores against a known truth by hand, and one method on one planted network."""

import pytest

from netseams.experiments import run_experiment
from netseams.experiments.recovery import Recovery, RecoveryConfig, scores


def places(text):
    return frozenset(text)


@pytest.mark.parametrize(
    ("found", "may", "must", "precision", "recall"),
    [
        ("abc", ["abcd"], ["ab"], 1.0, 1.0),
        ("abx", ["abcd"], ["abc"], 2 / 3, 2 / 3),
        ("x", ["ab"], ["ab"], 0.0, 0.0),
        ("cd", ["ab", "cd"], ["ab", "cd"], 1.0, 1.0),
        ("ab", ["abcd"], [""], 1.0, 0.5),
        ("", ["ab"], ["ab"], 1.0, 0.0),
    ],
)
def test_precision_recall_and_f1_by_hand(found, may, must, precision, recall):
    got = scores(places(found), [places(m) for m in may], [places(m) for m in must])
    assert got["precision"] == pytest.approx(precision)
    assert got["recall"] == pytest.approx(recall)
    both = precision + recall
    assert got["f1"] == pytest.approx(2 * precision * recall / both if both else 0.0)


def test_patching_finds_the_planted_links_and_nothing_in_twins(tmp_path):
    config = RecoveryConfig(networks=("first_token",), methods=("activation_patching",))
    found = run_experiment(Recovery(), config, tmp_path)
    table = found.tables[0]
    names = [column.name for column in table.columns]
    assert [row[names.index("ablation")] for row in table.rows] == ["mean", "zero", "resample"]
    for row in table.rows:
        assert row[names.index("F1")] == 1.0
        assert row[names.index("random F1")] < 1.0
        for twin in ("redrawn", "untrained", "shuffled", "phantom"):
            assert row[names.index(f"{twin} reached")] == "0/1"
    assert "never" in found.answer[-1]
