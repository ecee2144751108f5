"""What is said of an arm is what its config says."""

import pytest
from pydantic import ValidationError

from netseams.comparison import Arm, Setting
from netseams.comparison.differences import differences, in_words
from netseams.core import UnknownNameError
from netseams.models import TransformerConfig
from netseams.training import Dense, Pruned, TrainConfig, WeightSparse
from netseams_recipes import preset
from small_comparison import SMALL

SETTING = SMALL.settings[0]
SPARSE = WeightSparse(density=0.2)


def setting(*arms: Arm, **others: object) -> Setting:
    return Setting.model_validate({**dict(SETTING), "arms": arms, **others})


def words(reference: Arm, other: Arm) -> str:
    s = setting(reference, other)
    changes = differences(s.run(reference.name, 0), s.run(other.name, 0))
    return in_words(reference.name, changes)


def test_another_kind_is_one_field_with_its_density():
    said = words(Arm(name="dense", sparsity=Dense()), Arm(name="p", sparsity=Pruned(density=0.2)))
    assert said == (
        "differs from dense in one field: train.sparsity is pruned (density 0.2) in place of dense"
    )


def test_equal_kinds_are_gone_into():
    other = SPARSE.model_copy(update={"anneal": "none", "lr_rule": "none"})
    said = words(Arm(name="a", sparsity=SPARSE), Arm(name="b", sparsity=other))
    assert said == (
        "differs from a in 2 fields: train.sparsity.lr_rule is none in place of inverse_sqrt_l0; "
        "train.sparsity.anneal is none in place of linear"
    )


def test_training_and_model_of_an_arm_count():
    train = SETTING.train.model_copy(update={"eps": 0.1})
    model = SETTING.model.model_copy(update={"activation_density": 0.25})
    said = words(
        Arm(name="a", sparsity=SPARSE),
        Arm(name="b", sparsity=SPARSE, train=train, model=model),
    )
    assert said == (
        "differs from a in 2 fields: model.activation_density is 0.25 in place of none; "
        "train.eps is 0.1 in place of 1e-08"
    )


def test_no_difference_is_said():
    assert words(Arm(name="a", sparsity=SPARSE), Arm(name="b", sparsity=SPARSE)) == (
        "does not differ from a"
    )


@pytest.mark.parametrize("name", ["quick", "standard", "arms", "smoke"])
def test_routes_differ_in_sparsity_alone(name: str):
    for s in preset(name).settings:
        for arm in s.arm_names[1:]:
            found = differences(s.run(s.arm_names[0], 3), s.run(arm, 3))
            assert [change.field for change in found] == ["train.sparsity"]


def test_four_arms_have_equal_final_densities():
    for s in preset("arms").settings:
        finals = [
            {g: s.run(arm, 0).train.sparsity.final_density(g) for g in ("block", "embed", "bias")}
            for arm in ("weight_sparse", "pruned", "random_support")
        ]
        assert finals[0] == finals[1] == finals[2]
        assert s.pairs[-2:] == [("pruned", "weight_sparse"), ("random_support", "weight_sparse")]


def test_widths_of_the_frontier_keep_equally_many_block_weights():
    s = preset("frontier").settings[0]
    kept = []
    for name in ("width_64", "density_0.04", "width_256"):
        run = s.run(name, 0)
        kept.append(run.train.sparsity.density * 12 * run.model.n_layers * run.model.d_model**2)
    assert kept == pytest.approx([kept[0]] * 3)
    assert len({s.run(n, 0).train.sparsity.density for n in s.arm_names[1:5]}) == 4


def test_every_ablation_changes_what_its_name_says():
    s = preset("ablations").settings[0]
    changed = {
        name: [c.field for c in differences(s.run("weight_sparse", 0), s.run(name, 0))]
        for name in s.arm_names[1:]
    }
    fields = [field for found in changed.values() for field in found]
    assert set(fields) == {
        "train.eps", "train.gradient", "train.sparsity.anneal", "train.sparsity.lr_rule",
        "train.sparsity.min_alive", "model.activation_density",
    }  # fmt: skip


A, B = Arm(name="a", sparsity=Dense()), Arm(name="b", sparsity=SPARSE)


@pytest.mark.parametrize(
    ("arms", "others", "said"),
    [
        ((A,), {}, "at least 2"),
        ((A, A), {}, "its own name"),
        ((A, B), {"also_against": "a"}, "an arm after the first"),
        ((A, B), {"controls": ("redrawn", "redrawn")}, "every control may appear once"),
        ((A, B), {"train": TrainConfig(sparsity=SPARSE)}, "must be dense"),
        (
            (A, B.model_copy(update={"train": TrainConfig(sparsity=SPARSE)})),
            {},
            "arm b: train.sparsity must be dense",
        ),
        (
            (A, B.model_copy(update={"model": TransformerConfig(d_vocab=20)})),
            {},
            "arm b: model.n_ctx is 64, but",
        ),
        ((A, Arm(name="c", sparsity=WeightSparse(density=1e-3))), {}, "fewer than one a row"),
    ],
)
def test_impossible_arms_are_refused(arms, others, said):
    with pytest.raises(ValidationError, match=said):
        setting(*arms, **others)


def test_an_unknown_arm_gets_the_nearest_known_one():
    with pytest.raises(UnknownNameError, match="did you mean 'weight_sparse'"):
        SETTING.run("weight_spars", 0)
