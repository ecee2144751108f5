"""`netseams experiment`: a question that takes many networks."""

import shlex
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from netseams.cli.many import n_workers, with_seeds
from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams_recipes.experiments import PLANS, experiment_config


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""

    def experiment(
        name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")] = None,
        preset: Annotated[str, tyro.conf.arg(metavar="NAME")] = "quick",
        out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None,
        seeds: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
        workers: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
        threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1,
    ) -> int:
        """Run an experiment, or list them all. The same command resumes an interrupted one.

        Args:
            name: Which one; without it all are listed.
            preset: One that the list shows, such as quick or standard.
            out: Folder for everything that comes out; runs/NAME-PRESET by default.
            seeds: Number of training seeds, in place of the preset's.
            workers: Worker processes; one for every core by default.
            threads: Torch threads of every worker.
        """
        if name is None:
            return _list()
        return _run(name, preset, out, seeds, workers, threads, arguments)

    return call(experiment, arguments, "experiment")


def _list() -> int:
    from netseams.experiments import EXPERIMENTS

    table = Table(box=None, pad_edge=False)
    for column in ("experiment", "preset", "seeds", "question"):
        table.add_column(column, justify="right" if column == "seeds" else "left")
    for (name, preset), config in PLANS.items():
        seeds = str(len(config().seeds))
        table.add_row(name, preset, seeds, EXPERIMENTS[name].question)
    console().print(table)
    return 0


def _run(
    name: str, preset: str, out: Path | None, seeds: int | None,
    workers: int | None, threads: int, arguments: list[str],
) -> int:  # fmt: skip
    from netseams.experiments import EXPERIMENTS, run_experiment
    from netseams.reporting import print_findings, write_findings

    config = with_seeds(experiment_config(name, preset), seeds)
    processes = n_workers(workers, threads)
    out = out or Path("runs") / f"{name}-{preset}"
    terminal = console()
    with JobProgress(terminal) as progress:
        found = run_experiment(
            EXPERIMENTS[name](),
            config,
            out,
            n_workers=processes,
            threads=threads,
            command=shlex.join(["netseams", "experiment", *arguments]),
            plan=progress.plan,
            report=progress.report,
        )
    page = write_findings(found, out)
    print_findings(found, terminal)
    terminal.print(f"summary: {page}", soft_wrap=True)
    return 0
