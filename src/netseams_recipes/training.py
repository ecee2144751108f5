"""Recipes of `netseams train`: one network, as arXiv 2511.13653 and its released script train it.

Their training text was never released: each recipe reads the standard library unless `--text`
says otherwise. `docs/training.md` has the table of the places where paper and script differ.
"""

from pathlib import Path
from typing import Any

from netseams.core import SettingError, UnknownNameError
from netseams.corpora import StdlibConfig, TextConfig
from netseams.models import TransformerConfig
from netseams.training import Dense, RunConfig, Sparsity, TrainConfig, WeightSparse
from netseams_recipes.emergent import KNOWN_PARTS
from netseams_recipes.recipe import Recipe

_BIG = "one GPU with 80 GB; days"
_SMALL = "2 CPU cores, 4 GB"
_TOKENS = 32_000_000_000
"""Read by the released script by default; 131,072 of them a step."""


def _model(width: int, sparse: bool) -> TransformerConfig:
    """Eight layers, heads of 16, 256 positions; AbsTopK keeps a quarter at every site."""
    return TransformerConfig(
        n_layers=8,
        n_heads=width // 16,
        d_model=width,
        d_mlp=4 * width,
        n_ctx=256,
        d_vocab=2048,
        activation_density=0.25 if sparse else None,
        bigram=True,
    )


def _small_model(sparse: bool) -> TransformerConfig:
    """Two layers of width 128 on windows of 64 tokens."""
    small = {"n_layers": 2, "n_heads": 8, "d_model": 128, "d_mlp": 512, "n_ctx": 64}
    return _model(128, sparse).model_copy(update={**small, "d_vocab": 1024})


def _run(model: TransformerConfig, train: TrainConfig) -> RunConfig:
    return RunConfig(corpus=StdlibConfig(d_vocab=model.d_vocab), model=model, train=train)


def _large_epsilon(sparsity: Sparsity, **settings: Any) -> TrainConfig:
    """What paper and script share: Adam's epsilon of 0.1, which asks for a gradient of RMS 1.

    The paper's words are that the RMS is *clipped* to 1. That of a mean loss is below 1e-3 here
    and falls with the size of the network: it is never clipped, and beside such an epsilon it
    moves hardly anything (6.17 nats after 100 steps of `paper-small`, where scaling gave 4.14).
    """
    shared = {
        "steps": _TOKENS // (512 * 256),
        "batch_size": 512,
        "warmup": 0.01,
        "weight_decay": 0.1,
        "eps": 0.1,
        "gradient": "normalize_rms",
        "checkpoint_every": 1000,
        "sparsity": sparsity,
    }
    return TrainConfig.model_validate(shared | settings)


def paper() -> RunConfig:
    """Width 2048, one weight in 1024 everywhere, no positions.

    Two weights a row are too few for the least of four a channel. The paper's rate of about
    1e-2 is that at the final density, so that the factor 1/sqrt(density) is taken out of `lr`.
    The gradient is scaled *to* an RMS of 1 as in the script: see `_large_epsilon`.
    """
    arm = WeightSparse(density=1 / 1024)
    model = _model(2048, sparse=True).model_copy(update={"positions": "none"})
    return _run(model, _large_epsilon(arm, lr=1.28e-2 / 32))


def _script_arm(density: float, embed_density: float) -> WeightSparse:
    return WeightSparse(
        density=density,
        embed_density=embed_density,
        bias_density=1.0,
        anneal_groups="each",
        lr_rule="relative_sqrt_l0",
        min_alive=4,
    )


def script() -> RunConfig:
    """The released script's defaults: width 1024, `pfrac` 1/4, expansion factor 4."""
    train = _large_epsilon(_script_arm(1 / 64, 1 / 16), lr=1.28e-2, decay="after_projection")
    return _run(_model(1024, sparse=True), train)


def dense() -> RunConfig:
    """An ordinary network of `script`'s shape and tokens. The paper states no settings for its
    dense networks: these are ordinary ones of AdamW."""
    train = TrainConfig(
        steps=_TOKENS // (512 * 256), batch_size=512, lr=6e-4, warmup=0.01, sparsity=Dense(),
        checkpoint_every=1000,
    )  # fmt: skip
    return _run(_model(1024, sparse=False), train)


_SHORT: dict[str, Any] = {"steps": 600, "batch_size": 32, "checkpoint_every": 100}


def paper_small() -> RunConfig:
    """The paper's rules at one weight in 16; the rate is again that at the final density."""
    model = _small_model(sparse=True).model_copy(update={"positions": "none"})
    arm = WeightSparse(density=1 / 16)
    return _run(model, _large_epsilon(arm, lr=1.28e-2 / 4, **_SHORT))


def script_small() -> RunConfig:
    """The script's rules at one weight in 16, one in 4 in embeddings."""
    train = _large_epsilon(
        _script_arm(1 / 16, 1 / 4), lr=1.28e-2,
        decay="after_projection", **_SHORT,
    )  # fmt: skip
    return _run(_small_model(sparse=True), train)


def dense_small() -> RunConfig:
    """An ordinary network of the same shape and tokens."""
    return _run(_small_model(sparse=False), TrainConfig(lr=1.5e-3, **_SHORT))


RECIPES: dict[str, Recipe[RunConfig]] = {
    r.name: r
    for r in (
        Recipe("paper", "the paper's recipe at its usual width", _BIG, None, "never run", paper),
        Recipe("script", "the released script's defaults", _BIG, None, "never run", script),
        Recipe("dense", "an ordinary network of script's shape", _BIG, None, "never run", dense),
        Recipe(
            "paper-small",
            "the paper's rules at 2 layers of width 128",
            _SMALL,
            1.5,
            "validation loss 4.08 nats with 24,576 of 393,216 block weights; 48 of 1,024 neurons "
            "and 65 of 256 query-key pairs dead",
            paper_small,
        ),
        Recipe(
            "script-small",
            "the released script's rules at 2 layers of width 128",
            _SMALL,
            1.5,
            "validation loss 3.79 nats with 24,576 of 393,216 block weights; no neuron dead, "
            "79 of 1,024 never active",
            script_small,
        ),
        Recipe(
            "dense-small",
            "an ordinary network of their shape and tokens",
            _SMALL,
            1.5,
            "validation loss 3.51 nats; no channel dead or never active",
            dense_small,
        ),
    )
}


def recipe(name: str, text: Path | None = None, seed: int = 0) -> RunConfig:
    """A recipe's config; `text` puts the user's file or folder in the place of the stdlib.

    Raises:
        UnknownNameError: no such recipe.
        SettingError: the recipe reads no text.
    """
    known = {**RECIPES, **KNOWN_PARTS}
    if name not in known:
        raise UnknownNameError("recipe", name, known)
    config = known[name].config().model_copy(update={"seed": seed})
    if text is None:
        return config
    if not isinstance(config.corpus, StdlibConfig):
        raise SettingError(
            f"recipe {name} reads no text: with --text take one of " + ", ".join(RECIPES)
        )
    own = TextConfig(path=text.resolve(), d_vocab=config.model.d_vocab)
    return config.model_copy(update={"corpus": own})
