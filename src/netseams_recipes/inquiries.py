"""Comparisons that take sparsity apart: what it buys, where its frontier runs, which of its
settings matter. All are exploratory: sized for two cores, too few seeds for an interval."""

from netseams.comparison import Arm, CompareConfig, Setting
from netseams.corpora import StdlibConfig
from netseams.training import ARMS, Dense, TrainConfig, WeightSparse, matched_arm
from netseams_recipes.settings import (
    STRING_OPS_DENSITY,
    STRING_OPS_MODEL,
    STRING_OPS_TRAIN,
    TEXT_DENSITY,
    string_ops_setting,
    text_setting,
    tiny_python_setting,
    weight_sparse,
)

_SHARED = {"also_against": "weight_sparse", "controls": ("redrawn",)}


def arms() -> CompareConfig:
    """What training sparse buys beyond having few weights, on the twenty tasks.

    Dense; weight-sparse from the start; dense and then pruned; fixed random support: the last
    three end with equally many weights, all four have read equally many tokens. One control
    network is searched, not two, and specificity is not asked: twenty tasks would cost four
    hundred scores a network. Sizes come without and with calibrated logits.
    """
    setting = tiny_python_setting(
        _four(TEXT_DENSITY), specificity=False, targets=(0.15, 0.3), **_SHARED
    )
    return _three_seeds("arms", setting)


def arms_text() -> CompareConfig:
    """The four arms on real text, trained for 1,000 of the 1,700 steps of `quick`."""
    text = text_setting(StdlibConfig(), _four(TEXT_DENSITY), steps=1000, **_SHARED)
    return _three_seeds("arms-text", text)


def arms_ops() -> CompareConfig:
    """The four arms on string operations, with specificity."""
    return _three_seeds("arms-ops", string_ops_setting(_four(STRING_OPS_DENSITY), **_SHARED))


def frontier() -> CompareConfig:
    """Density at fixed width, and width at a fixed number of weights (arXiv 2511.13653, figure 3).

    At width w the density is that of width 128 times (128 / w) squared, and that of embeddings
    times 128 / w (released script), so that block matrices keep as many weights at every width.
    """
    return CompareConfig(
        preset="frontier",
        settings=(
            string_ops_setting(
                (
                    Arm(name="dense", sparsity=Dense()),
                    *(
                        Arm(name=f"density_{density:g}", sparsity=weight_sparse(density))
                        for density in (0.2, 0.1, STRING_OPS_DENSITY, 0.02)
                    ),
                    *(_wide(width) for width in (64, 256)),
                ),
                also_against=f"density_{STRING_OPS_DENSITY:g}",
                controls=(),
            ),
        ),
        seeds=(0,),
        random_masks=2,
    )


def ablations() -> CompareConfig:
    """One setting of weight-sparse training changed at a time, around the default of `quick`.

    A large Adam epsilon and gradients of RMS 1 belong together in the paper: a gradient of norm
    1 over 400,000 weights is far below an epsilon of 0.1. So both are also changed together.
    """
    default = weight_sparse(STRING_OPS_DENSITY)
    train, model = STRING_OPS_TRAIN, STRING_OPS_MODEL
    paper_step = {"eps": 0.1, "gradient": "normalize_rms"}
    return CompareConfig(
        preset="ablations",
        settings=(
            string_ops_setting(
                (
                    Arm(name="weight_sparse", sparsity=default),
                    _trained("eps_0.1", default, train, {"eps": 0.1}),
                    _trained("gradient_rms_1", default, train, {"gradient": "normalize_rms"}),
                    _trained("eps_and_gradient", default, train, paper_step),
                    _sparse("no_annealing", default, {"anneal": "none"}),
                    _sparse("no_lr_tie", default, {"lr_rule": "none"}),
                    _sparse("min_alive_4", default, {"min_alive": 4}),
                    Arm(
                        name="abstopk_0.25",
                        sparsity=default,
                        model=model.model_copy(update={"activation_density": 0.25}),
                    ),
                ),
                controls=(),
            ),
        ),
        seeds=(0,),
        random_masks=2,
    )


def _four(density: float) -> tuple[Arm, ...]:
    sparse = weight_sparse(density)
    return tuple(
        Arm.model_validate({"name": name, "sparsity": matched_arm(name, sparse)}) for name in ARMS
    )


def _three_seeds(name: str, setting: Setting) -> CompareConfig:
    """Sizes without and with calibrated logits."""
    search = setting.search.model_copy(update={"calibrate": True})
    setting = setting.model_copy(update={"search": search})
    return CompareConfig(preset=name, settings=(setting,), seeds=(0, 1, 2), random_masks=3)


def _wide(width: int) -> Arm:
    factor = STRING_OPS_MODEL.d_model / width
    shape = {"d_model": width, "d_mlp": 4 * width, "n_heads": width // 16}
    sparse = weight_sparse(STRING_OPS_DENSITY * factor**2)
    assert sparse.embed_density is not None  # weight_sparse sets it
    embed = min(1.0, sparse.embed_density * factor)
    return Arm(
        name=f"width_{width}",
        sparsity=sparse.model_copy(update={"embed_density": embed}),
        model=STRING_OPS_MODEL.model_copy(update=shape),
    )


def _trained(name: str, sparsity: WeightSparse, train: TrainConfig, changes: dict) -> Arm:
    return Arm(name=name, sparsity=sparsity, train=train.model_copy(update=changes))


def _sparse(name: str, sparsity: WeightSparse, changes: dict) -> Arm:
    return Arm(name=name, sparsity=sparsity.model_copy(update=changes))
