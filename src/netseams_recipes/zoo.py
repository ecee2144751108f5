"""The pair of networks in the box: what they are, so that they can be made again."""

from netseams.comparison import CompareConfig, Setting
from netseams.corpora import StdlibConfig
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.training import TrainConfig, WeightSparse


def zoo_setting() -> Setting:
    """Real Python: 4 layers of width 160 on windows of 96 tokens, 9.6 million tokens.

    About 40 minutes a network on one CPU core. The tokenizer is a stored one, so that the
    networks read the same tokens wherever they are used.
    """
    return Setting(
        corpus=StdlibConfig(tokenizer="python_1k"),
        model=TransformerConfig(
            n_layers=4, n_heads=10, d_model=160, d_mlp=640, n_ctx=96, d_vocab=1024, bigram=True
        ),
        train=TrainConfig(steps=5000, batch_size=20, lr=1.5e-3),
        weight_sparse=WeightSparse(
            density=0.03, embed_density=0.2, anneal="power", anneal_end=0.7,
            lr_rule="inverse_sqrt_l0",
        ),
        search=NodeMaskConfig(
            steps=160, batch_size=16, price_end=1e-2, snapshots=16, bisections=6
        ),
    )  # fmt: skip


def zoo() -> CompareConfig:
    """One seed: exploratory."""
    return CompareConfig(preset="zoo", settings=(zoo_setting(),), seeds=(0,))
