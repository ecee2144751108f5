"""Small pairs of networks of different widths, and bridges between them: one core, minutes."""

from netseams.corpora import StdlibConfig, StringOpsConfig
from netseams.models import TransformerConfig
from netseams.training import RunConfig, TrainConfig, WeightSparse
from netseams.training.bridge_config import BridgeConfig


def string_ops_pair(seed: int = 0) -> tuple[RunConfig, RunConfig]:
    """Dense of width 64 and weight-sparse of width 96 on strings of 4 digits; both learn them."""
    corpus = StringOpsConfig(length=4)
    train = TrainConfig(steps=600, batch_size=96, lr=2e-3)
    model = TransformerConfig(n_layers=2, n_heads=4, d_model=64, d_mlp=128, n_ctx=10, d_vocab=19)
    wide = model.model_copy(update={"d_model": 96, "d_mlp": 192})
    dense = RunConfig(corpus=corpus, model=model, train=train, seed=seed)
    return dense, _sparse(dense, wide, 0.1)


def text_pair(seed: int = 0) -> tuple[RunConfig, RunConfig]:
    """Dense of width 64 and weight-sparse of width 128 on the standard library's source."""
    corpus = StdlibConfig(d_vocab=512)
    train = TrainConfig(steps=1000, batch_size=32, lr=3e-3)
    model = TransformerConfig(
        n_layers=2, n_heads=4, d_model=64, d_mlp=256, n_ctx=64, d_vocab=512, bigram=True
    )
    wide = model.model_copy(update={"n_heads": 8, "d_model": 128})
    dense = RunConfig(corpus=corpus, model=model, train=train, seed=seed)
    return dense, _sparse(dense, wide, 0.05)


def maps_only(steps: int = 300, seed: int = 0) -> BridgeConfig:
    """Both networks frozen."""
    return BridgeConfig(maps=_maps(steps), seed=seed)


def together(sparse: TrainConfig, steps: int = 300, seed: int = 0) -> BridgeConfig:
    """The weight-sparse network goes on learning with the maps, at its final density.

    Args:
        sparse: how it was trained before. Its rate is that rate untied from density, lower than
            before, as it has learned already.
    """
    sparsity = sparse.sparsity
    if isinstance(sparsity, WeightSparse):
        sparsity = sparsity.model_copy(update={"anneal": "none", "lr_rule": "none"})
    maps = _maps(steps)
    on = {"steps": steps, "batch_size": maps.batch_size, "sparsity": sparsity}
    return BridgeConfig(maps=maps, sparse=sparse.model_copy(update=on), seed=seed)


def _sparse(dense: RunConfig, model: TransformerConfig, density: float) -> RunConfig:
    """The same run, wider and weight-sparse."""
    sparsity = WeightSparse(density=density, embed_density=0.2, anneal="power", anneal_end=0.7)
    train = dense.train.model_copy(update={"sparsity": sparsity})
    return dense.model_copy(update={"model": model, "train": train})


def _maps(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, batch_size=16, lr=2e-3, weight_decay=0.0)
