"""`netseams plan`: what a run would take, without starting it."""

from pathlib import Path
from typing import Annotated, Any

import tyro
from pydantic import ValidationError
from rich.table import Table

from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.cli.train import chosen
from netseams.core import SettingError
from netseams.training import RunConfig
from netseams.training.estimate import Estimate, estimate


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_plan, arguments, "plan")


def _plan(
    devices: int = 1,
    config: Path | None = None,
    recipe: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
    preset: Annotated[str, tyro.conf.arg(metavar="NAME")] = "quick",
    corpus: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
    arm: Annotated[str, tyro.conf.arg(metavar="NAME")] = "weight_sparse",
    batch_size: int | None = None,
    n_layers: int | None = None,
    d_model: int | None = None,
    n_heads: int | None = None,
    d_mlp: int | None = None,
    n_ctx: int | None = None,
    d_vocab: int | None = None,
) -> int:
    """Print parameters, memory and communication of a run, and start nothing.

    Args:
        devices: Over how many devices the model is split.
        config: A config.json of a run; preset, corpus and arm are then unused.
        recipe: A recipe such as script-small; they are then unused, too.
        preset: Preset of `netseams compare` whose settings are used.
        corpus: One of the preset's corpora; its first by default.
        arm: Kind of network.
        batch_size: Sequences in a step, over all devices.
        n_layers: Blocks, in place of those of the preset or config; so all that follow.
        d_model: Width; without n_heads and d_mlp heads have 16 channels and d_mlp is 4 times it.
        n_heads: Attention heads.
        d_mlp: Neurons of a block.
        n_ctx: Tokens in a sequence.
        d_vocab: Tokens in the vocabulary.
    """
    base = chosen(config, recipe, preset, corpus, arm, None, 0)
    if d_model is not None:
        n_heads = max(1, d_model // 16) if n_heads is None else n_heads
        d_mlp = 4 * d_model if d_mlp is None else d_mlp
    shape = {
        "n_layers": n_layers, "d_model": d_model, "n_heads": n_heads, "d_mlp": d_mlp,
        "n_ctx": n_ctx, "d_vocab": d_vocab,
    }  # fmt: skip
    _print(wanted := _with(base, shape, batch_size), estimate(wanted, devices))
    return 0


def _with(base: RunConfig, shape: dict[str, int | None], batch_size: int | None) -> RunConfig:
    """`base` with what was given in its place."""
    data: dict[str, Any] = base.model_dump()
    data["model"] |= {name: value for name, value in shape.items() if value is not None}
    data["train"] |= {} if batch_size is None else {"batch_size": batch_size}
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingError(f"{where + ': ' if where else ''}{first['msg']}") from None


def _print(config: RunConfig, e: Estimate) -> None:
    m, terminal = config.model, console()
    terminal.print(
        f"{config.arm} network of {m.n_layers} layers, d_model {m.d_model}, {m.n_heads} heads, "
        f"d_mlp {m.d_mlp}, n_ctx {m.n_ctx}, {m.d_vocab} tokens: {e.parameters:,} parameters, "
        f"{e.kept:,} kept at the end",
        soft_wrap=True,
    )
    groups = Table("group", "parameters", "kept", box=None)
    for group, count in e.groups.items():
        groups.add_row(group, f"{count.n:,}", f"{count.l0:,}")
    terminal.print(groups)
    memory = Table(f"memory per device, {e.devices} in all", "", box=None)
    for name, size in (
        ("weights", e.weights),
        ("gradients", e.weights),
        ("Adam's two moments", e.moments),
        ("whole layers while computed", e.assembled),
        (f"activations, batch {config.train.batch_size}, about", e.activations),
        ("together", e.memory),
        ("host memory, each process at the start", e.host_start),
        ("host memory, first process at a checkpoint", e.host_checkpoint),
    ):
        memory.add_row(name, _size(size))
    terminal.print(memory)
    traffic = Table("received per device and step", "", box=None)
    traffic.add_row("weights (all-gather)", _size(e.gathered))
    traffic.add_row("gradients (reduce-scatter)", _size(e.reduced))
    collectives = f"which weights stay ({e.selection_collectives} collectives)"
    traffic.add_row(collectives, _size(e.selection))
    terminal.print(traffic)


def _size(n: float) -> str:
    """Bytes in the unit that a person would choose (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:,.3g} TB"
