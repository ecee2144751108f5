"""The pair of networks in the box: what they are, so that they can be made again."""

from netseams.comparison import CompareConfig, Setting
from netseams.corpora import StdlibConfig
from netseams.models import TransformerConfig
from netseams.training import TrainConfig
from netseams_recipes.search import fast
from netseams_recipes.settings import two_routes

ZOO_DENSITY = 0.03


def zoo() -> CompareConfig:
    """One seed of real Python: 4 layers of width 160 on windows of 96 tokens, 9.6 million tokens.

    The tokenizer is a stored one, so that the networks read the same tokens wherever they are
    used. Searches are short, so that a comparison of the stored networks takes two minutes.
    """
    setting = Setting(
        corpus=StdlibConfig(tokenizer="python_1k"),
        model=TransformerConfig(
            n_layers=4, n_heads=10, d_model=160, d_mlp=640, n_ctx=96, d_vocab=1024, bigram=True
        ),
        train=TrainConfig(steps=5000, batch_size=20, lr=1.5e-3),
        arms=two_routes(ZOO_DENSITY),
        tasks=("single_double_quote",),
        specificity=False,
        search=fast(steps=60).model_copy(update={"snapshots": 6, "bisections": 4}),
        targets=(0.15, 0.3),
    )  # fmt: skip
    return CompareConfig(preset="zoo", settings=(setting,), seeds=(0,), random_masks=1)
