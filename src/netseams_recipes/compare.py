"""Presets of `netseams compare`."""

from pathlib import Path

from netseams.comparison import CompareConfig
from netseams.core import SettingError, UnknownNameError
from netseams.corpora import StdlibConfig, TextConfig
from netseams_recipes.inquiries import ablations, arms, arms_ops, arms_text, frontier
from netseams_recipes.recipe import Recipe
from netseams_recipes.settings import (
    STRING_OPS_MODEL,
    STRING_OPS_TRAIN,
    search,
    string_ops_setting,
    text_setting,
    two_routes,
)
from netseams_recipes.zoo import zoo

Preset = Recipe[CompareConfig]


def quick() -> CompareConfig:
    """One seed of both corpora."""
    return CompareConfig(
        preset="quick",
        settings=(text_setting(StdlibConfig()), string_ops_setting()),
        seeds=(0,),
    )


def standard() -> CompareConfig:
    """Eight seeds of both corpora: the smallest number that gives intervals."""
    return quick().model_copy(update={"preset": "standard", "seeds": tuple(range(8))})


def smoke() -> CompareConfig:
    """Every stage on the smallest input: it shows that the path works, and nothing else."""
    shape = {"n_layers": 1, "n_heads": 2, "d_model": 32, "d_mlp": 64}
    setting = string_ops_setting(
        two_routes(0.2),
        model=STRING_OPS_MODEL.model_copy(update=shape),
        train=STRING_OPS_TRAIN.model_copy(update={"steps": 60}),
        search=search(20, batch_size=32),
    )
    return CompareConfig(preset="smoke", settings=(setting,), seeds=(0,), random_masks=2)


PRESETS: dict[str, Preset] = {
    p.name: p
    for p in (
        Preset(
            "quick",
            "both corpora, one training seed: exploratory",
            "2 CPU cores, 4 GB",
            8,
            "seed 0 of standard",
            quick,
        ),
        Preset(
            "standard",
            "both corpora, eight training seeds: intervals",
            "2 CPU cores, 4 GB",
            85,
            "dense over weight-sparse at 0.15 nats: edges 7.3x [3.2, 11] and nodes 0.9x on "
            "quote_close, 17x [16, 18] and 1.3x on string operations",
            standard,
        ),
        Preset(
            "arms",
            "twenty tasks on generated Python, four arms of equal tokens, three seeds",
            "2 CPU cores, 4 GB",
            60,
            "dense over weight-sparse at 0.15 nats: edges 23.7x (density 20x); pruned over "
            "weight-sparse at equal density: 1.06x",
            arms,
        ),
        Preset(
            "arms-text",
            "the same four arms on real text",
            "2 CPU cores, 4 GB",
            None,
            "not yet run in full",
            arms_text,
        ),
        Preset(
            "arms-ops",
            "the same four arms on string operations",
            "2 CPU cores, 4 GB",
            17,
            "at 0.15 nats, in edges: dense over weight_sparse 19.5x, over pruned 15x; pruned over "
            "weight_sparse, at equal density, 1.3x",
            arms_ops,
        ),
        Preset(
            "frontier",
            "string operations: density at fixed width, width at a fixed number of weights",
            "2 CPU cores, 4 GB",
            9,
            "edges: 54,987 dense, 1,801 at density 0.02; with 17,000 weights width 64 fails three "
            "tasks, 128 has 2,842 edges, 256 has 1,760",
            frontier,
        ),
        Preset(
            "ablations",
            "string operations: one setting of weight-sparse training changed at a time",
            "2 CPU cores, 4 GB",
            6,
            "learning rate not tied to l0: 2.6x the edges; epsilon 0.1 alone: nothing learned",
            ablations,
        ),
        Preset(
            "zoo",
            "real Python: the pair in the box; with --models zoo it is used, without it made again",
            "2 CPU cores, 4 GB (with --models zoo)",
            2,
            "dense over weight-sparse at 0.15 nats: edges 15x (density 33x), nodes 0.8x",
            zoo,
        ),
        Preset(
            "smoke",
            "one tiny network: only to see that everything runs",
            "1 CPU core",
            0.3,
            "nothing is learned",
            smoke,
        ),
    )
}


def preset(name: str, text: Path | None = None) -> CompareConfig:
    """A preset's config; `text` puts the user's file or folder in the place of the stdlib.

    Raises:
        UnknownNameError: no such preset.
        SettingError: the preset reads no text.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    config = PRESETS[name].config()
    if text is None:
        return config
    own = tuple(
        setting.model_copy(update={"corpus": TextConfig(path=text.resolve())})
        for setting in config.settings
        if isinstance(setting.corpus, StdlibConfig)
    )
    if not own:
        raise SettingError(
            f"preset {name} reads no text: with --text take quick, standard or arms-text"
        )
    return config.model_copy(update={"settings": own})
