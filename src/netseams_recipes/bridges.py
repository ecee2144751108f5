"""Two small networks on real text, and bridges between them: one core, under ten minutes."""

from netseams.comparison import Setting
from netseams.corpora import StdlibConfig
from netseams.training import TrainConfig, WeightSparse
from netseams.training.bridge_config import BridgeConfig
from netseams_recipes.compare import text_setting


def bridge_setting(steps: int = 1000) -> Setting:
    """Two layers of width 128 on the standard library's source, in fewer steps than `compare`."""
    return text_setting(StdlibConfig(), steps=steps)


def maps_only(steps: int = 400, seed: int = 0) -> BridgeConfig:
    """Both networks frozen."""
    return BridgeConfig(maps=_maps(steps), seed=seed)


def together(sparse: TrainConfig, steps: int = 400, seed: int = 0) -> BridgeConfig:
    """The weight-sparse network goes on learning with the maps, at its final density.

    Args:
        sparse: how it was trained before; its rate starts lower, as it has learned already.
    """
    sparsity = sparse.sparsity
    if isinstance(sparsity, WeightSparse):
        sparsity = sparsity.model_copy(update={"anneal": "none", "lr_rule": "none"})
    maps = _maps(steps)
    on = {"steps": steps, "batch_size": maps.batch_size, "lr": sparse.lr, "sparsity": sparsity}
    return BridgeConfig(maps=maps, sparse=sparse.model_copy(update=on), seed=seed)


def _maps(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, batch_size=16, lr=2e-3, weight_decay=0.0)
