"""`netseams frontier`: capability against circuit size, of a sweep."""

from pathlib import Path
from typing import Annotated

import tyro

from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.core import FileFormatError


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_frontier, arguments, "frontier")


def _frontier(
    store: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="STORE")],
    plan: Annotated[str, tyro.conf.arg(metavar="NAME")] = "frontier",
    target: float | None = None,
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None,
) -> int:
    """Draw what the finished points of a sweep say: loss of the network against size of circuits.

    Args:
        store: Of `netseams sweep`.
        plan: Which of its plans.
        target: Task loss at which circuits are taken, in nats; the middle one of the plan's.
        out: Folder for figure, table and numbers; the store by default.
    """
    from netseams.reporting.sweeps import write_frontier
    from netseams.store import provenance
    from netseams.sweeps import SweepStore, read_plan
    from netseams.sweeps.frontier import frontier

    path = store / f"{plan}.plan.json"
    if not path.exists():
        known = ", ".join(
            sorted(p.name.removesuffix(".plan.json") for p in store.glob("*.plan.json"))
        )
        raise FileFormatError(
            f"{store} has no plan {plan!r} ({known or 'nor another one'}): run netseams sweep first"
        )
    found = frontier(read_plan(path), SweepStore(store), target, provenance(1, 1))
    paths = write_frontier(found, out or store)
    terminal = console()
    done = sum(group.seeds for group in found.groups)
    terminal.print(
        f"{found.plan}: {len(found.groups)} networks, {done} points, {len(found.curves)} curves; "
        f"{len(found.missing)} points not done", soft_wrap=True,
    )  # fmt: skip
    terminal.print(f"page: {paths[1]}\nfigure: {paths[2]}", soft_wrap=True)
    return 0
