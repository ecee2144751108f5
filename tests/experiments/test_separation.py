"""The published statistics on hand-made rows, and a whole small run."""

import pytest
import torch

from netseams.discovery import WeightMaskConfig
from netseams.evaluation import SubroutineScores
from netseams.experiments import run_experiment
from netseams.experiments.separation import Condition, Separation, SeparationConfig, _parity
from netseams.experiments.separation_findings import breaks_alone, separation_findings
from netseams.tasks.odd_one_out import OddExamples
from netseams.training import TrainConfig
from netseams_recipes.emergent import odd_one_out


def scored(**changes):
    fields = {
        "whole_target": 1.0, "whole_other": 1.0, "alone_target": 1.0, "alone_other": 0.25,
        "without_target": 0.25, "without_other": 1.0, "random_target": (1.0,),
        "random_other": (1.0,),
    }  # fmt: skip
    return SubroutineScores(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "alone"),
    [
        ({}, True),
        ({"without_target": 0.7}, False),  # two fifths of the own function are lost
        ({"without_other": 0.9}, False),  # two fifteenths of the other one are lost
        ({"whole_target": 0.25}, False),  # there was nothing to lose
    ],
)
def test_only_its_function_breaks(changes, alone):
    assert breaks_alone(scored(**changes)) == alone


def test_parity_is_that_of_the_odd_items_values():
    items = torch.tensor([[[1, 2], [3, 3], [0, 1], [0, 0]], [[1, 2], [3, 4], [0, 1], [0, 0]]])
    none = torch.zeros(2, 4, dtype=torch.bool)
    assert _parity(OddExamples(items, torch.tensor([1, 1]), none, none)).tolist() == [0, 1]
    black = OddExamples(torch.zeros(1, 4, 1, 2, 2), torch.tensor([0]), none[:1], none[:1])
    black.items[0, 0, 0, 0, 0] = 3 / 255
    assert _parity(black).tolist() == [1]


def mask_row(condition, seed, without_target):
    return {
        "what": "mask", "medium": "language", "condition": condition, "rule": "r", "seed": seed,
        "mask": "labels", "subroutine": "a", "drift": "fine_tuning", "target": 0.2,
        "share": 0.1, "scores": scored(without_target=without_target).model_dump(mode="json"),
    }  # fmt: skip


def test_pretraining_is_paired_by_seed():
    rows = [mask_row("scratch", s, 0.625) for s in range(8)]
    rows += [mask_row("pretrained", s, 0.25) for s in range(8)]
    found = separation_findings(Separation(), 8, rows)
    # Own loss is 1/2 from scratch and 1 pretrained; nothing else is lost, at random neither.
    assert "+0.50 higher in pretrained" in found.answer[0]
    assert "95 % interval +0.50 .. +0.50" in found.answer[0]
    published = {row[1]: row for row in found.tables[1].rows}
    names = [column.name for column in found.tables[1].columns]
    assert published["pretrained"][names.index("D_abl")].value == pytest.approx(-0.75)
    assert published["scratch"][names.index("D_abl")].value == pytest.approx(-0.375)
    assert published["scratch"][names.index("fine-tuning")] == "8/8"


@pytest.mark.slow
def test_a_small_run_keeps_networks_that_learned_nothing(tmp_path):
    run = odd_one_out("scratch").model_copy(update={"train": TrainConfig(steps=2, batch_size=4)})
    rules = ("subject_verb_singular",)
    config = SeparationConfig(
        conditions=(
            Condition(medium="language", name="scratch", run=run, rules=rules),
            Condition(medium="language", name="untrained", run=run, rules=rules),
        ),
        search=WeightMaskConfig(steps=2, batch_size=4, snapshots=1, bisections=0),
        random_masks=1,
    )
    found = run_experiment(Separation(), config, tmp_path)
    assert [row[1] for row in found.tables[0].rows] == ["scratch", "untrained"]
    assert len(found.answer) == 2
