"""`netseams pack`: a finished run in few bytes, with its card."""

from pathlib import Path
from typing import Annotated

import tyro

from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.evaluation.card import model_card, tasks_of
from netseams.store import write_text
from netseams.training import open_run
from netseams.training.packing import pack_run


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_pack, arguments, "pack")


def _pack(
    network: Annotated[Path, tyro.conf.Positional],
    out: Path,
    made_by: str | None = None,
) -> int:
    """Round a run's network to half precision, store it without its zeros, and write its card.

    A packed run serves wherever a run does, and in `netseams compare --models`.

    Args:
        network: Folder of a finished training run.
        out: Folder for the packed run.
        made_by: The command that trained it, for the card.
    """
    finished = open_run(network)
    result = pack_run(finished, out)
    packed = open_run(out)
    command = made_by or "netseams train --config config.json --out RUN"
    write_text(out / "CARD.md", model_card(packed, tasks_of(packed), command))
    size = sum(path.stat().st_size for path in out.iterdir() if path.is_file())
    console().print(
        f"test loss {finished.result.test_loss:.4f} nats before rounding, {result.test_loss:.4f} "
        f"after; {size / 1e6:.2f} MB -> {out}",
        soft_wrap=True,
    )
    return 0
