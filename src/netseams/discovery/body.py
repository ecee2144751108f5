"""The part of a model that masks still reach: many masks at once, without what all have dropped.

A node outside every mask is constant. What it adds to others is constant too and moves into a
bias; its row and column leave the matrices. Forward and backward then cost what the masks hold,
not what the network holds.
"""

import copy
from collections.abc import Mapping
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.models import Hook, Network, Transformer
from netseams.models.transformer import MLP, Attention, Block


class Body:
    """Runs `model` under M masks in one forward pass, rows of mask after mask.

    Args:
        fill: site -> what stands in for a node that is not kept, (width,) or (n_heads, d_head).
        alive: site -> (width,) nodes that some mask may keep; None runs the model as it is.
            With AbsTopK all channels of a site compete, so nothing is left out; nor is it in
            other people's models.
    """

    def __init__(
        self,
        model: Network,
        fill: Mapping[str, Tensor],
        alive: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._fill = dict(fill)
        self._picks: dict[str, Tensor] = {}
        self.model = model
        ours = model if isinstance(model, Transformer) else None
        if alive is not None and ours is not None and ours.cfg.activation_density is None:
            self.model = self._cut(ours, alive)

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
            rows = x.unflatten(0, (n_masks, -1))
            g = gates.to(x.dtype).view(n_masks, 1, 1, *x.shape[2:])
            return torch.addcmul(other * (1 - g), rows, g).flatten(0, 1)  # x g + other (1 - g)

        return hook

    def _cut(self, model: Transformer, alive: Mapping[str, Tensor]) -> Transformer:
        small = copy.deepcopy(model)
        for i, block in enumerate(small.blocks):
            self._cut_attention(cast(Block, block).attn, f"blocks.{i}", alive)
            self._cut_mlp(cast(Block, block).mlp, f"blocks.{i}", alive)
        final = "ln_final.hook_normalized"
        small.unembed = _CutLinear(small.unembed, alive[final], self._fill[final])
        return small

    def _cut_attention(self, attn: Attention, name: str, alive: Mapping[str, Tensor]) -> None:
        """Leave out heads of constant values and reads that no mask keeps.

        Attention weights sum to one, so a head of constant values gives a constant. With a sink
        they do not, and every head stays; the first one always does.
        """
        cfg, read = attn.cfg, f"{name}.ln1.hook_normalized"
        used = alive[f"{name}.attn.hook_v"].view(cfg.n_heads, -1).any(dim=1)
        used |= attn.sink is not None
        used[0] = True
        heads = used.repeat_interleave(cfg.d_head)
        values = self._fill[f"{name}.attn.hook_v"]
        attn.out = _CutLinear(attn.out, heads, values, gathered=True)
        for letter in "qkv":
            layer = getattr(attn, letter)
            setattr(attn, letter, _CutLinear(layer, alive[read], self._fill[read], rows=heads))
            self._keep(f"{name}.attn.hook_{letter}", heads, (-1, cfg.d_head))
        n_heads = int(used.sum())
        attn.cfg = cfg.model_copy(update={"n_heads": n_heads, "d_model": n_heads * cfg.d_head})

    def _cut_mlp(self, mlp: MLP, name: str, alive: Mapping[str, Tensor]) -> None:
        read, hidden = f"{name}.ln2.hook_normalized", f"{name}.mlp.hook_post"
        mlp.up = _CutLinear(mlp.up, alive[read], self._fill[read], rows=alive[hidden])
        mlp.down = _CutLinear(mlp.down, alive[hidden], self._fill[hidden], gathered=True)
        self._keep(hidden, alive[hidden], (-1,))

    def _keep(self, name: str, alive: Tensor, shape: tuple[int, ...]) -> None:
        """The layers before `name` now give the `alive` channels only."""
        self._picks[name] = alive.nonzero().squeeze(1)
        self._fill[name] = self._fill[name].flatten()[alive].view(shape)


class _CutLinear(nn.Linear):
    """`layer` from `alive` channels to `rows`, with what the constant ones add in its bias.

    Args:
        gathered: the input holds the alive channels only; else they are picked out of all.
    """

    def __init__(
        self, layer: nn.Linear, alive: Tensor, fill: Tensor,
        rows: Tensor | None = None, gathered: bool = False,
    ) -> None:  # fmt: skip
        nn.Module.__init__(self)  # a linear layer's own would draw weights first
        weight = layer.weight.detach()
        bias = weight[:, ~alive] @ fill.flatten()[~alive].to(weight.dtype)
        if layer.bias is not None:
            bias = bias + layer.bias.detach()
        weight = weight[:, alive]
        if rows is not None:
            weight, bias = weight[rows], bias[rows]
        self.out_features, self.in_features = weight.shape
        self.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)
        self._picks = None if gathered or bool(alive.all()) else alive.nonzero().squeeze(1)

    def forward(self, input: Tensor) -> Tensor:
        picked = input if self._picks is None else input.index_select(-1, self._picks)
        return F.linear(picked, self.weight, self.bias)
