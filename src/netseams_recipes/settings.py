"""What the presets train and search: one setting a corpus, and the arms that go into it."""

from typing import Any

from netseams.comparison import Arm, Setting
from netseams.corpora import StdlibConfig, StringOpsConfig, TextConfig, TinyPythonConfig
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.training import Dense, TrainConfig, WeightSparse

TEXT_DENSITY = 0.05
STRING_OPS_DENSITY = 0.04
STRING_OPS_MODEL = TransformerConfig(
    n_layers=2, n_heads=8, d_model=128, d_mlp=512, n_ctx=14, d_vocab=19
)
STRING_OPS_TRAIN = TrainConfig(steps=700, batch_size=128, lr=1e-3)


def text_setting(
    corpus: StdlibConfig | TextConfig,
    arms: tuple[Arm, ...] | None = None,
    steps: int = 1700,
    **others: Any,
) -> Setting:
    """Real text: 2 layers of width 128 on windows of 64 tokens.

    Args:
        others: further fields of the `Setting`.
    """
    return Setting(
        corpus=corpus,
        model=TransformerConfig(
            n_layers=2, n_heads=8, d_model=128, d_mlp=512, n_ctx=64, d_vocab=corpus.d_vocab,
            bigram=True,
        ),
        train=TrainConfig(steps=steps, batch_size=32, lr=1.5e-3),
        arms=arms or two_routes(TEXT_DENSITY),
        search=search(160, batch_size=16),
        **others,
    )  # fmt: skip


def tiny_python_setting(arms: tuple[Arm, ...] | None = None, **others: Any) -> Setting:
    """Generated Python and its twenty tasks: the same shape as on real text.

    Args:
        others: further fields of the `Setting`.
    """
    corpus = TinyPythonConfig()
    return Setting(
        corpus=corpus,
        model=TransformerConfig(
            n_layers=2, n_heads=8, d_model=128, d_mlp=512, n_ctx=64, d_vocab=corpus.d_vocab,
            bigram=True,
        ),
        train=TrainConfig(steps=1200, batch_size=32, lr=1.5e-3),
        arms=arms or two_routes(TEXT_DENSITY),
        search=search(80, batch_size=16, snapshots=8, bisections=4),
        **others,
    )  # fmt: skip


def string_ops_setting(arms: tuple[Arm, ...] | None = None, **others: Any) -> Setting:
    """String operations of 6 digits: the same shape, 14 positions, 19 tokens.

    Args:
        others: further fields of the `Setting`, in place of those here.
    """
    fields = {
        "corpus": StringOpsConfig(length=6),
        "model": STRING_OPS_MODEL,
        "train": STRING_OPS_TRAIN,
        "arms": arms or two_routes(STRING_OPS_DENSITY),
        "search": search(160, batch_size=32),
    }
    return Setting.model_validate({**fields, **others})


def two_routes(density: float) -> tuple[Arm, ...]:
    """Emergent and forced."""
    return (
        Arm(name="dense", sparsity=Dense()),
        Arm(name="weight_sparse", sparsity=weight_sparse(density)),
    )


def weight_sparse(density: float) -> WeightSparse:
    """Annealing by the logarithm of density over 70 % of training, and denser embeddings.

    With the paper's linear annealing to 50 % the string-operations network lost its task when
    density fell from 0.24 to 0.04 within a few hundred steps (accuracy 0.50 against 1.00), and
    a token embedding at 4 % keeps five numbers. The released script offers both.
    """
    return WeightSparse(
        density=density,
        embed_density=0.2,
        anneal="power",
        anneal_end=0.7,
        lr_rule="inverse_sqrt_l0",
    )


def search(steps: int, batch_size: int, snapshots: int = 16, bisections: int = 6) -> NodeMaskConfig:
    """In a pilot 150 steps found circuits about as small as 250 (148 against 147 nodes)."""
    return NodeMaskConfig(
        steps=steps, batch_size=batch_size, price_end=1e-2, snapshots=snapshots,
        bisections=bisections,
    )  # fmt: skip
