"""Linear maps between the residual streams of two networks, before every attention and MLP.

An encoder leads from the dense to the sparse network and ends in AbsTopK, a decoder leads back
(arXiv 2511.13653, section 2.3). A bridge site is a place where the residual stream is read:
two a layer. Between the sites lie the segments that a hybrid of both networks is made of.

Shape letters: B batch, T position, D width of one network, E width of the other, V vocabulary.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from netseams.core import Config, SettingError, generator
from netseams.masks import abs_topk, kept_count
from netseams.models.config import TransformerConfig
from netseams.models.parts import Hook
from netseams.models.transformer import Transformer

Side = Literal["dense", "sparse"]
"""Which of the two networks."""


class BridgeShape(Config):
    """Depth that both networks have, and their widths."""

    n_layers: int = Field(ge=1)
    d_dense: int = Field(ge=1)
    d_sparse: int = Field(ge=1)
    encoder_density: float | None = Field(default=None, gt=0, le=1)
    """Share of channels that AbsTopK keeps behind an encoder; None: all."""

    @property
    def n_sites(self) -> int:
        return 2 * self.n_layers


def bridge_shape(
    dense: TransformerConfig, sparse: TransformerConfig, encoder_density: float | None = None
) -> BridgeShape:
    """The shape of bridges between two networks.

    Raises:
        SettingError: they differ in depth or vocabulary.
    """
    for field, word in (("n_layers", "layers"), ("d_vocab", "tokens in their vocabulary")):
        ours, theirs = getattr(dense, field), getattr(sparse, field)
        if ours != theirs:
            raise SettingError(
                f"bridges need two networks with equally many {word}: the dense one has {ours}, "
                f"the sparse one {theirs}; train one of them again"
            )
    return BridgeShape(
        n_layers=dense.n_layers,
        d_dense=dense.d_model,
        d_sparse=sparse.d_model,
        encoder_density=encoder_density,
    )


def bridge_sites(n_layers: int) -> list[str]:
    """Names of the sites in forward order: before attention and before the MLP of every layer."""
    reads = ("hook_resid_pre", "hook_resid_mid")
    return [f"blocks.{i}.{read}" for i in range(n_layers) for read in reads]


class Bridges(nn.Module):
    """An encoder and a decoder for every bridge site."""

    def __init__(self, shape: BridgeShape, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        n, d, s = shape.n_sites, shape.d_dense, shape.d_sparse
        self.encoders = nn.ModuleList(nn.Linear(d, s) for _ in range(n))
        self.decoders = nn.ModuleList(nn.Linear(s, d) for _ in range(n))
        draws = generator(seed, "bridges")
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.ndim == 2:
                    parameter.normal_(0.0, parameter.shape[1] ** -0.5, generator=draws)
                else:
                    parameter.zero_()

    def encode(self, site: int, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch E"]:
        """Dense residual at bridge site `site` (0-based) -> sparse residual."""
        mapped = self.encoders[site](x)
        density = self.shape.encoder_density
        return (
            mapped if density is None else abs_topk(mapped, kept_count(mapped.shape[-1], density))
        )

    def decode(self, site: int, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch E"]:
        """Sparse residual at bridge site `site` (0-based) -> dense residual."""
        return self.decoders[site](x)

    def cross(self, to: Side, site: int, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch E"]:
        """Carry a residual over to the other network."""
        return self.encode(site, x) if to == "sparse" else self.decode(site, x)

    def check(self, dense: Transformer, sparse: Transformer) -> None:
        """Whether these bridges fit two networks.

        Raises:
            SettingError: the networks differ in depth or vocabulary, or the maps in shape.
        """
        fits = bridge_shape(dense.cfg, sparse.cfg, self.shape.encoder_density)
        if fits != self.shape:
            raise SettingError(
                f"bridges for {_words(self.shape)} do not fit networks of {_words(fits)}: "
                "give the two networks that they were trained for"
            )


def run_from(
    model: Transformer,
    tokens: Int[Tensor, "B T"],
    site: int | None = None,
    residual: Float[Tensor, "B T D"] | None = None,
) -> tuple[Float[Tensor, "B T V"], dict[int, Float[Tensor, "B T D"]]]:
    """Logits, and the residuals at the bridge sites, from a replaced residual onward.

    A pass with hooks: what lies before `site` is computed and not used, so that any option of
    the network is honoured. Without `site` it is the plain pass.
    """
    found: dict[int, Tensor] = {}

    def hook_for(index: int) -> Hook:
        def hook(x: Tensor) -> Tensor:
            found[index] = residual if index == site and residual is not None else x
            return found[index]

        return hook

    first = 0 if site is None else site
    names = bridge_sites(model.cfg.n_layers)
    hooks = {name: hook_for(i) for i, name in enumerate(names) if i >= first}
    return model(tokens, hooks), found


def copy_of(model: Transformer, trained: bool) -> Transformer:
    """The same network with weights of its own, frozen unless it is to be trained."""
    twin = Transformer(model.cfg)
    twin.load_state_dict(model.state_dict())
    return twin.to(model.device).requires_grad_(trained)


def _words(shape: BridgeShape) -> str:
    return f"{shape.n_layers} layers and widths {shape.d_dense} and {shape.d_sparse}"


def set_maps(
    bridges: Bridges,
    encoders: Sequence[tuple[Tensor, Tensor]],
    decoders: Sequence[tuple[Tensor, Tensor]],
) -> Bridges:
    """Fill in (weight, bias) of every map; the weight is (out, in)."""
    for maps, values in ((bridges.encoders, encoders), (bridges.decoders, decoders)):
        for linear, (weight, bias) in zip(maps, values, strict=True):
            linear.load_state_dict({"weight": weight, "bias": bias})
    return bridges
