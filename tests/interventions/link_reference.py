"""Slow and plain: one link at a time, one whole run each, by hooks at single sites.

Written from the definition and from the model's own parts; shares no code with the package's runs
over links.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from netseams.models import Link, Transformer, component_graph


def writes(model: Transformer, tokens: Tensor) -> dict[str, Tensor]:
    """Source -> what it adds to the stream, at all positions."""
    with torch.no_grad():
        _, cache = model.run_with_cache(tokens)
    found = {"input": cache["blocks.0.hook_resid_pre"]}
    for i, block in enumerate(model.blocks):
        z = cache[f"blocks.{i}.attn.hook_z"]
        k = z.shape[-1]
        for h in range(z.shape[2]):
            found[f"a{i}.h{h}"] = z[:, :, h] @ block.attn.out.weight[:, h * k : (h + 1) * k].T
        found[f"m{i}"] = cache[f"blocks.{i}.hook_mlp_out"]
    return {name: x.detach() for name, x in found.items()}


def patched_logits(
    model: Transformer, tokens: Tensor, cache: dict[str, Tensor], change: Tensor, target: str
) -> Tensor:
    """Logits of a run in which one target reads the stream plus `change`.

    Args:
        cache: of the ordinary run on `tokens`.
    """
    beside = None
    if model.cfg.positions == "concatenated":
        beside = cache["hook_pos_embed"].expand(len(tokens), -1, -1)
    if target == "logits":
        read = model.ln_final(cache[f"blocks.{len(model.blocks) - 1}.hook_resid_post"] + change)
        return model(tokens, {"ln_final.hook_normalized": lambda _: read})
    layer, _, rest = target[1:].partition(".h")
    name, block = f"blocks.{layer}", model.blocks[int(layer)]
    if target.startswith("m"):
        read = block.ln2(cache[f"{name}.hook_resid_mid"] + change, beside)
        return model(tokens, {f"{name}.ln2.hook_normalized": lambda _: read})
    head, slot = int(rest[:-3]), rest[-2]
    read = block.ln1(cache[f"{name}.hook_resid_pre"] + change, beside)
    heads = getattr(block.attn, slot)(read).view(*tokens.shape, model.cfg.n_heads, -1)

    def hook(x: Tensor) -> Tensor:
        x = x.clone()
        x[:, :, head] = heads[:, :, head]
        return x

    return model(tokens, {f"{name}.attn.hook_{slot}": hook})


def effect_of_every_link(
    model: Transformer,
    tokens: Tensor,
    ablated: dict[str, Tensor],
    answers: Tensor,
    measure: Callable[[Tensor], Tensor],
    links: list[Link] | None = None,
) -> Tensor:
    """`measure` (of (1, B, P, V)) with one link ablated, for every link, or for some."""
    clean = writes(model, tokens)
    values = []
    rows = torch.arange(len(tokens)).unsqueeze(1)
    with torch.no_grad():
        _, cache = model.run_with_cache(tokens)
        for source, target in links or component_graph(model.cfg).links:
            change = ablated[source] - clean[source]
            logits = patched_logits(model, tokens, cache, change, target)
            values.append(measure(logits[rows, answers].unsqueeze(0)))
    return torch.cat(values)
