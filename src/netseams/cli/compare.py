"""`netseams compare`: the main job."""

import shlex
from pathlib import Path
from typing import Annotated

import tyro

from netseams.cli.many import n_workers, with_seeds
from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams.core import Device
from netseams_recipes import PRESETS, preset


def _minutes(minutes: float | None) -> str:
    return "time unknown" if minutes is None else f"about {minutes:g} minutes"


_ABOUT = "Presets:\n" + "\n".join(
    f"  {p.name:<9} {p.purpose}; {_minutes(p.minutes)} on {p.hardware}\n"
    f"  {'':<9} last gave: {p.headline}"
    for p in PRESETS.values()
)


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""

    def compare(
        preset: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
        out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None,
        text: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None,
        models: Annotated[Path | None, tyro.conf.arg(metavar="zoo|FOLDER")] = None,
        seeds: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
        workers: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
        threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1,
        device: Device = "cpu",
    ) -> int:
        return _compare(preset, out, text, models, seeds, workers, threads, device, arguments)

    compare.__doc__ = (
        "Train every arm, find circuits in all networks, test them against controls, and "
        f"write report.html.\n\n{_ABOUT}\n\nThe same command resumes an interrupted run.\n\n"
        "Args:\n"
        "    preset: What to run; quick by default, zoo with --models.\n"
        "    out: Folder for everything that comes out; runs/compare-PRESET by default.\n"
        "    text: Your own file or folder of text, in place of the two built-in corpora.\n"
        "    models: Trained networks to use instead of training: zoo for the pair in the box, or\n"
        "        a folder of packed runs.\n"
        "    seeds: Number of training seeds, in place of the preset's.\n"
        "    workers: Worker processes; one for every core by default, at most four on a GPU.\n"
        "    threads: Torch threads of every worker.\n"
        "    device: cpu or cuda, where networks are trained and run.\n"
    )
    return call(compare, arguments, "compare")


def _compare(
    name: str | None, out: Path | None, text: Path | None, models: Path | None,
    seeds: int | None, workers: int | None, threads: int, device: Device, arguments: list[str],
) -> int:  # fmt: skip
    name = name or ("quick" if models is None else "zoo")
    config = with_seeds(preset(name, text), seeds)
    processes = n_workers(workers, threads, most=4 if device == "cuda" else None)
    from netseams.comparison import compare
    from netseams.reporting import print_summary, write_report

    out = out or Path("runs") / f"compare-{name}"
    terminal = console()
    with JobProgress(terminal) as progress:
        comparison = compare(
            config,
            out,
            n_workers=processes,
            threads=threads,
            device=device,
            command=shlex.join(["netseams", "compare", *arguments]),
            models=_models(models),
            plan=progress.plan,
            report=progress.report,
        )
    page = write_report(comparison, out)
    print_summary(comparison, terminal)
    terminal.print(f"report: {page}", soft_wrap=True)
    return 0


def _models(given: Path | None) -> Path | None:
    if given != Path("zoo"):
        return given
    import netseams_zoo

    return netseams_zoo.FOLDER
