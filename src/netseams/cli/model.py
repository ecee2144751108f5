"""`netseams model`: what a model is, in whatever format it lies there."""

import warnings
from typing import Annotated

import tyro

from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.models import (
    Transformer,
    TransformerConfig,
    load_model,
    model_fingerprint,
    parameter_counts,
)

_SHAPE = ("n_layers", "n_heads", "d_model", "d_mlp", "n_ctx", "d_vocab", "head_width")


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_model, arguments, "model")


def _model(source: Annotated[str, tyro.conf.Positional]) -> int:
    """Print shape, options, and true parameter counts of a model.

    Args:
        source: A file or folder (of ours, of the sparse release, of Hugging Face GPT-2), or
            owner/name on the hub.
    """
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        model = load_model(source)
    terminal = console()
    for line in [*_about(model), *(f"note: {note.message}" for note in notes)]:
        terminal.print(line, soft_wrap=True, highlight=False, markup=False)
    return 0


def _about(model: Transformer) -> list[str]:
    cfg, counts = model.cfg, parameter_counts(model)
    n, nonzero = (sum(c.n for c in counts.values()), sum(c.l0 for c in counts.values()))
    return [
        f"shape: {cfg.n_layers} layers, {cfg.n_heads} heads of {cfg.d_head}, d_model "
        f"{cfg.d_model}, d_mlp {cfg.d_mlp}, n_ctx {cfg.n_ctx}, d_vocab {cfg.d_vocab}",
        f"options: {_options(cfg)}",
        f"fingerprint: {model_fingerprint(model)}",
        f"parameters: {n:,}, not zero {_share(nonzero, n)}",
        *(f"  {name:<12}{c.n:>14,}, not zero {_share(c.l0, c.n)}"
          for name, c in counts.items()),
    ]  # fmt: skip


def _options(cfg: TransformerConfig) -> str:
    """Those that are used; the others are the defaults."""
    used = {name: value for name, value in cfg.model_dump().items() if name not in _SHAPE}
    words = []
    for name, value in used.items():
        if isinstance(value, tuple | list):
            words.append(f"{name}={','.join(value)}")
        elif value not in (None, False):
            words.append(name if value is True else f"{name}={value}")
        elif value is False and TransformerConfig.model_fields[name].default is True:
            words.append(f"no {name}")
    return ", ".join(words)


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.3g} %)"
