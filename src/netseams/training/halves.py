"""Two halves of a network: by layers, or by the heads and neurons of every block."""

from collections.abc import Sequence

from jaxtyping import Bool
from torch import Tensor

from netseams.core import SettingError
from netseams.masks import Cut, keep_largest_of_each_
from netseams.models import Transformer, TransformerConfig
from netseams.training.arms import PartlySparse
from netseams.training.distributed import is_split
from netseams.training.projection import Projection, Sparse, weights_axis
from netseams.training.routing import parts_of


class SparseHalf(Projection):
    """`partly_sparse`: the largest magnitudes of each block matrix's sparse half, anew after every
    step. Of matrices that serve both halves, the rows or columns of its heads and neurons.

    Raises:
        SettingError: layers, heads or neurons cannot be halved, or the network is split over
            several processes.
    """

    def __init__(self, model: Transformer, config: PartlySparse) -> None:
        super().__init__(model, config)
        own = half_nodes(model.cfg, config.by)[config.half == "second"]
        self._channels: dict[str, Tensor] = {}
        """Matrix -> which of its channels, on their side, are in the sparse half."""
        for sparse in self.parameters:
            channels = own[_site_of(sparse.name)]
            if channels.any():
                self._channels[sparse.name] = channels.to(sparse.parameter.device)
        self.parameters = [p for p in self.parameters if p.name in self._channels]
        if any(is_split(p.parameter) for p in self.parameters):
            raise SettingError("half of a network is made sparse in one process, without torchrun")

    def keep(self, due: Sequence[tuple[Sparse, int]]) -> None:
        views = [self._half(sparse) for sparse, _ in due]
        halves = [view[channels] for view, channels in views]
        # `k` is for the whole matrix: equal density of the half.
        keep_largest_of_each_([
            Cut(half, round(k * half.numel() / sparse.parameter.numel()), None)
            for half, (sparse, k) in zip(halves, due, strict=True)
        ])  # fmt: skip
        for half, (view, channels) in zip(halves, views, strict=True):
            view[channels] = half

    def _half(self, sparse: Sparse) -> tuple[Tensor, Tensor]:
        """A matrix with its channels first, and which of them are in the sparse half."""
        axis = 1 - weights_axis(sparse.name)
        return sparse.parameter.detach().movedim(axis, 0), self._channels[sparse.name]

    def split_masks(self, due: Sequence[tuple[Sparse, int]]) -> list[Tensor]:
        raise NotImplementedError("refused when it is made")


def half_nodes(cfg: TransformerConfig, by: str) -> list[dict[str, Bool[Tensor, " width"]]]:
    """Sites of heads and neurons -> the channels of the first half, and of the second. Sites of the
    residual stream, which both halves read and write, are left out.

    Raises:
        SettingError: layers, heads or neurons cannot be halved.
    """
    if by == "channels":
        return [part.nodes(cfg) for part in parts_of(cfg, 2)]
    if cfg.n_layers % 2:
        raise SettingError(f"{cfg.n_layers} layers cannot be halved: choose an even number")
    (everything,) = parts_of(cfg, 1)
    sites = everything.nodes(cfg)

    def in_half(site: str, half: int) -> bool:
        return (int(site.split(".")[1]) >= cfg.n_layers // 2) == bool(half)

    return [{site: mask & in_half(site, half) for site, mask in sites.items()} for half in (0, 1)]


def _site_of(matrix: str) -> str:
    """The site whose channels a block matrix computes, or with which it writes."""
    block, _, inner = matrix.removesuffix(".weight").partition(".")
    number, _, name = inner.partition(".")
    site = {"attn.out": "attn.hook_v", "mlp.up": "mlp.hook_post", "mlp.down": "mlp.hook_post"}
    letter = name.removeprefix("attn.")
    return f"{block}.{number}.{site.get(name, f'attn.hook_{letter}')}"
