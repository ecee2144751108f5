"""`netseams audit`: is a circuit real?"""

from pathlib import Path
from typing import Annotated

import tyro

from netseams.cli.many import n_workers
from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams.core import Device, FileFormatError, device_named


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_audit, arguments, "audit")


def _audit(
    circuit: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CIRCUIT_OR_FOLDER")],
    network: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None,
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None,
    match: Annotated[str, tyro.conf.arg(metavar="TEXT")] = "",
    seed: int = 0,
    workers: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1,
    device: Device = "cpu",
) -> int:
    """Ask a circuit everything, beside the controls that it must beat, and say in a word what it
    is: fits, beats its controls, necessary and specific, stable, robust.

    The same command goes on with an interrupted audit.

    Args:
        circuit: Folder of a circuit, or a folder that holds such folders.
        network: Folder of the training run that it was found in; looked for near the circuit.
        out: Folder for the cards; by default audit/ beside the files of every circuit.
        match: Only circuits whose path holds this text, such as target-0.15.
        seed: Seed of random masks, twins and repeated searches.
        workers: Worker processes; one for every core by default.
        threads: Torch threads of every worker.
        device: cpu or cuda.
    """
    from netseams.audit.config import AuditConfig
    from netseams.audit.jobs import audit_folders
    from netseams.audit.places import circuits_in
    from netseams.reporting.cards import print_card, print_cards, write_card

    device_named(device)
    paths = [path for path in circuits_in(circuit) if match in str(path)]
    if not paths:
        raise FileFormatError(f"no circuit below {circuit} has {match!r} in its path")
    terminal = console()
    with JobProgress(terminal) as progress:
        cards = audit_folders(
            paths,
            AuditConfig(seed=seed),
            network=network,
            out=out,
            device=device,
            n_workers=n_workers(workers, threads),
            threads=threads,
            plan=progress.plan,
            report=progress.report,
        )
    for path, card in cards.items():
        page = write_card(card, path / "audit" if out is None else out / card.circuit)
        if len(cards) == 1:
            print_card(card, terminal)
            terminal.print(f"card: {page}", soft_wrap=True)
    if len(cards) > 1:
        print_cards(cards, terminal)
        terminal.print("a card lies beside every circuit" if out is None else f"cards: {out}")
    return 0
