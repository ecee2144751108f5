"""`netseams sweep`: many runs on many workers."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from netseams.cli.many import n_workers
from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams.core import DivergedError, UnknownNameError


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_sweep, arguments, "sweep")


def _sweep(
    plan: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PLAN")],
    out: Annotated[Path, tyro.conf.arg(metavar="STORE")] = Path("runs/sweep"),
    on: Literal["local", "ray"] = "local",
    workers: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1,
    address: Annotated[str | None, tyro.conf.arg(metavar="HOST:PORT")] = None,
) -> int:
    """Run a plan: networks to train, each with what it is searched for. The same command goes on
    where it stopped, and may be started on any number of machines that share the store.

    Args:
        plan: A plan.json, or the name of one: frontier, frontier-smoke.
        out: The store; plans may share one.
        on: local: worker processes here; ray: tasks on a Ray cluster that sees the store.
        workers: Worker processes here; one for every core by default.
        threads: Torch threads of every worker.
        address: Of the Ray cluster; without it that of $RAY_ADDRESS, or a new one on this machine.
    """
    from netseams.store import write_text
    from netseams.sweeps import SweepStore, check_plan, read_plan, sweep_local
    from netseams_recipes.sweeps import PLANS

    if plan in PLANS:
        wanted = PLANS[plan]()
    elif Path(plan).suffix == ".json" or Path(plan).exists():
        wanted = read_plan(Path(plan))
    else:
        raise UnknownNameError("plan", plan, PLANS)
    check_plan(wanted)
    write_text(out / f"{wanted.name}.plan.json", wanted.model_dump_json(indent=1))
    store, terminal = SweepStore(out), console()
    with JobProgress(terminal) as progress:
        progress.plan([f"points {point.name}" for point in wanted.points])

        def report(name: str, done: int, total: int, word: str) -> None:
            progress.report(f"points {name}", done, total, word)

        for point in wanted.points:
            if store.state(point) != "waiting":
                report(point.name, 1, 1, "")
        if on == "ray":
            from netseams.sweeps.on_ray import sweep_ray

            ended = sweep_ray(wanted, store, address=address, threads=threads, report=report)
        else:
            ended = sweep_local(
                wanted, store, n_workers=n_workers(workers, threads), threads=threads,
                report=report,
            )  # fmt: skip
    terminal.print(
        f"{wanted.name}: {ended.done} of {len(wanted.points)} points done; store: {out}",
        soft_wrap=True,
    )
    if ended.diverged:
        lost = [store.divergence(p) for p in wanted.points if store.state(p) == "diverged"]
        said = ", ".join(f"{one.name} (seed {one.seed})" for one in lost)
        raise DivergedError(f"{ended.diverged} points diverged and are marked: {said}")
    return 0
