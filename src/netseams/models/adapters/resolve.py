"""An adapter and a model -> its config, where its sites are, where its matrices are."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from netseams.core import ModelError
from netseams.models.adapters.base import ADAPTERS, Heads, Place, Weight, lay_out
from netseams.models.hooked_config import HookedConfig, Precision
from netseams.models.nodes import Matrix

_PRECISIONS: dict[torch.dtype, Precision] = {
    torch.float32: "float32",
    torch.bfloat16: "bfloat16",
}


def resolve(
    module: nn.Module, source: str
) -> tuple[HookedConfig, dict[str, Place], dict[str, Weight]]:
    """What the adapter of `module` says about it, checked.

    Raises:
        ModelError: no adapter; a module that the adapter names is missing, is no linear layer or
            of another shape; quantised or half-precision weights; blocks that share weights.
    """
    theirs: Any = getattr(module, "config", None)
    family = str(getattr(theirs, "model_type", type(module).__name__))
    if family not in ADAPTERS:
        raise ModelError(no_adapter(family, module))
    if getattr(theirs, "quantization_config", None) is not None:
        raise ModelError(QUANTISED.format(source))
    adapter, base = ADAPTERS[family], getattr(module, "base_model", module)
    root = "" if base is module else f"{getattr(module, 'base_model_prefix', '')}."
    n_heads = int(theirs.num_attention_heads)
    width = getattr(theirs, "head_dim", None) or theirs.hidden_size // n_heads
    heads = Heads(n_heads, getattr(theirs, "num_key_value_heads", None) or n_heads, int(width))
    n_layers, d_model = int(theirs.num_hidden_layers), int(theirs.hidden_size)
    down = module_at(module, f"{root}{adapter.blocks}.0.{adapter.mlp_write}")
    d_mlp = oriented(down).shape[1]
    sites, places, joined = [], {}, []
    for site, place, matrices in lay_out(adapter, root, n_layers, heads, d_model, d_mlp):
        module_at(module, place.module)
        sites.append(site)
        places[site.name] = place
        joined += matrices
    widths = {site.name: site.width for site in sites}
    for matrix, weight in joined:
        _check(module, matrix, weight, widths)
    _check_untied(module, {weight.module for _, weight in joined})
    dtype = next(module.parameters()).dtype
    if dtype not in _PRECISIONS:
        raise ModelError(f"{source} is in {dtype}: load it as float32 or bfloat16")
    config = HookedConfig(
        family=family,
        source=source,
        dtype=_PRECISIONS[dtype],
        n_layers=n_layers,
        n_heads=heads.queries,
        n_kv_heads=heads.keys,
        d_head=heads.width,
        d_model=d_model,
        n_ctx=int(theirs.max_position_embeddings),
        d_vocab=int(theirs.vocab_size),
        causal=adapter.causal,
        sites=tuple(sites),
        matrices=tuple(matrix for matrix, _ in joined),
    )
    return config, places, {matrix.parameter: weight for matrix, weight in joined}


QUANTISED = (
    "{} has quantised weights, which are no edges that can be counted or masked: give the "
    "checkpoint in float32 or bfloat16"
)


def module_at(module: nn.Module, path: str) -> nn.Module:
    """The submodule of that path.

    Raises:
        ModelError: there is none.
    """
    try:
        return module.get_submodule(path)
    except AttributeError:
        seen = _seen(name for name, _ in module.named_modules())
        raise ModelError(
            f"the adapter names a module {path!r} that {type(module).__name__} has not; "
            f"it has {seen}"
        ) from None


def oriented(layer: nn.Module) -> Tensor:
    """The weights of a linear layer as (out, in); GPT-2 stores (in, out).

    Raises:
        ModelError: no linear layer, or a quantised one.
    """
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 2:
        raise ModelError(f"expected a linear layer with a weight matrix, came {layer}")
    if not weight.is_floating_point():
        raise ModelError(QUANTISED.format(f"a layer ({type(layer).__name__}, {weight.dtype})"))
    return weight.T if type(layer).__name__ == "Conv1D" else weight


def no_adapter(family: str, module: nn.Module) -> str:
    """The line that says what was seen and what to write."""
    leaves = [name for name, part in module.named_modules() if next(part.children(), None) is None]
    return (
        f"no adapter for models of type {family!r} (there are {', '.join(ADAPTERS)}); modules of "
        f"its first block: {_seen(leaves)}; write an Adapter of ten lines that names them, "
        "register it in Python and load the model there: see docs/your-model.md"
    )


def _seen(names: Iterable[str]) -> str:
    """The modules of the first block, or whatever there is."""
    every = [name for name in names if name]
    first = [name for name in every if ".0." in name] or every
    return ", ".join(first[:16]) + (", ..." if len(first) > 16 else "")


def _check(module: nn.Module, matrix: Matrix, weight: Weight, widths: dict[str, int]) -> None:
    values = oriented(module_at(module, weight.module))
    parts = 1 if weight.packed is None else 3
    expected = (parts * widths[matrix.target], widths[matrix.source] * matrix.sharing)
    if tuple(values.shape) != expected:
        raise ModelError(
            f"{weight.module} should join {expected[1]} channels to {expected[0]}, its weights "
            f"are {tuple(values.shape)}: this adapter does not fit this model"
        )


def _check_untied(module: nn.Module, names: set[str]) -> None:
    """Tied embeddings are fine; blocks that share a matrix would have its edges counted twice."""
    owners: dict[int, str] = {}
    for name in sorted(names):
        at = oriented(module_at(module, name)).data_ptr()
        if at in owners and at:
            raise ModelError(
                f"{owners[at]} and {name} share their weights: a mask over one would be a mask "
                "over the other; models with tied blocks are not supported (tied embeddings are)"
            )
        owners[at] = name
