"""The part of a model that masks still reach: many masks at once, without what all have dropped.

A node outside every mask is constant. What it adds to others is constant too and moves into a
bias; its row and column leave the matrices. Forward and backward then cost what the masks hold,
not what the network holds.
"""

import copy
from collections.abc import Mapping
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.models import Hook, Transformer
from netseams.models.transformer import Attention, Block


class Body:
    """Runs `model` under M masks in one forward pass, rows of mask after mask.

    Args:
        fill: site -> what stands in for a node that is not kept, (width,) or (n_heads, d_head).
        alive: site -> (width,) nodes that some mask may keep; None runs the model as it is.
            With AbsTopK all channels of a site compete, so nothing is left out.
    """

    def __init__(
        self,
        model: Transformer,
        fill: Mapping[str, Tensor],
        alive: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._fill = dict(fill)
        self._picks: dict[str, Tensor] = {}
        cut = alive is not None and model.cfg.activation_density is None
        self.model = self._cut(model, alive) if cut and alive is not None else model

    def __call__(
        self,
        tokens: Int[Tensor, "R T"],
        answers: Int[Tensor, "R P"],
        gates: Mapping[str, Float[Tensor, "M width"]],
    ) -> Float[Tensor, "R P V"]:
        """Logits at the answers. The R rows are M equal parts, one for every mask."""
        return self.model(tokens, {name: self._hook(name, gates[name]) for name in gates}, answers)

    def _hook(self, name: str, gates: Tensor) -> Hook:
        other, picks, n_masks = self._fill[name], self._picks.get(name), len(gates)
        if picks is not None:
            gates = gates[:, picks]

        def hook(x: Tensor) -> Tensor:
            if picks is not None and name.endswith("hook_normalized"):
                x = x[..., picks]  # a read; at other sites the layers before are cut
            rows = x.unflatten(0, (n_masks, -1))
            g = gates.to(x.dtype).view(n_masks, 1, 1, *x.shape[2:])
            return torch.addcmul(other * (1 - g), rows, g).flatten(0, 1)  # x g + other (1 - g)

        return hook

    def _cut(self, model: Transformer, alive: Mapping[str, Tensor]) -> Transformer:
        small = copy.deepcopy(model)
        for i, block in enumerate(small.blocks):
            self._cut_block(cast(Block, block), f"blocks.{i}", alive)
        name = "ln_final.hook_normalized"
        unembed, shift = _columns(small.unembed, alive[name], self._fill[name])
        unembed.bias = nn.Parameter(shift, requires_grad=False)
        small.unembed = unembed
        self._keep(name, alive[name])
        return small

    def _cut_block(self, block: Block, name: str, alive: Mapping[str, Tensor]) -> None:
        read, attn = f"{name}.ln1.hook_normalized", block.attn
        heads = self._heads(attn, name, alive)
        for letter in "qkv":
            layer = _read_from(getattr(attn, letter), alive[read], self._fill[read])
            setattr(attn, letter, _rows(layer, heads))
        value = f"{name}.attn.hook_v"
        attn.out = _read_from(attn.out, heads, self._fill[value].flatten())
        for letter in "qkv":
            site = f"{name}.attn.hook_{letter}"
            self._keep(site, heads)
            self._fill[site] = self._fill[site].view(-1, attn.cfg.d_head)
        d_head = attn.cfg.d_head
        n_heads = int(heads.sum()) // d_head
        attn.cfg = attn.cfg.model_copy(update={"n_heads": n_heads, "d_model": n_heads * d_head})
        self._keep(read, alive[read])
        read, hidden = f"{name}.ln2.hook_normalized", f"{name}.mlp.hook_post"
        up = _read_from(block.mlp.up, alive[read], self._fill[read])
        block.mlp.up = _rows(up, alive[hidden])
        block.mlp.down = _read_from(block.mlp.down, alive[hidden], self._fill[hidden])
        self._keep(read, alive[read])
        self._keep(hidden, alive[hidden])

    def _heads(self, attn: Attention, name: str, alive: Mapping[str, Tensor]) -> Tensor:
        """(d_model,): channels of heads that pass more than a constant.

        Attention weights sum to one, so a head of constant values gives a constant. With a sink
        they do not, and every head stays; the first one always does.
        """
        values = alive[f"{name}.attn.hook_v"].view(attn.cfg.n_heads, -1)
        used = values.any(dim=1) | (attn.sink is not None)
        used[0] = True
        return used.repeat_interleave(attn.cfg.d_head)

    def _keep(self, name: str, alive: Tensor) -> None:
        self._picks[name] = alive.nonzero().squeeze(1)
        self._fill[name] = self._fill[name].flatten()[alive]


def _columns(layer: nn.Linear, alive: Tensor, fill: Tensor) -> tuple[nn.Linear, Tensor]:
    """`layer` reading `alive` channels only, and what the constant ones add to it."""
    weight = layer.weight.detach()
    return _linear(weight[:, alive], layer.bias), weight[:, ~alive] @ fill[~alive]


def _read_from(layer: nn.Linear, alive: Tensor, fill: Tensor) -> nn.Linear:
    smaller, shift = _columns(layer, alive, fill)
    return _linear(smaller.weight, layer.bias.detach() + shift)


def _rows(layer: nn.Linear, alive: Tensor) -> nn.Linear:
    """`layer` writing `alive` channels only."""
    return _linear(layer.weight[alive], layer.bias[alive])


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A frozen layer of given weights; `meta` keeps torch from drawing random ones first."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.detach().contiguous(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().contiguous(), requires_grad=False)
    return layer
