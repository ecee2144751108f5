"""Run an experiment: its cells on worker processes, then what they say."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from netseams.comparison.pool import Job, Report, run_jobs
from netseams.core import FileFormatError
from netseams.experiments.experiment import (
    C,
    Cell,
    Experiment,
    Findings,
    Row,
    cells_folder,
    slug,
)
from netseams.store import (
    WorkFolder,
    append_line,
    provenance,
    read_bytes,
    read_jsonl,
    write_jsonl,
    write_text,
)
from netseams.training import Progress


def run_experiment(
    experiment: Experiment[C],
    config: C,
    out: Path,
    *,
    n_workers: int = 1,
    threads: int = 1,
    command: str = "",
    plan: Callable[[list[str]], None] | None = None,
    report: Report | None = None,
) -> Findings:
    """Run every cell that has not run yet; write `rows.jsonl` and `findings.json`.

    A second call with the same config goes on where the first one stopped.

    Raises:
        NetseamsError: the folder is another run's, or a cell failed.
    """
    started = time.perf_counter()
    folder = WorkFolder(out)
    folder.claim(config)
    cells = experiment.cells(config)
    try:
        if plan is not None:
            plan([cell.name for cell in cells])
        jobs = [Job(cell.name, run_cell, (out, cell), cell.after) for cell in cells]
        run_jobs(jobs, n_workers, threads, report or (lambda *_: None))
    finally:
        append_line(folder / "sessions.jsonl", {"seconds": time.perf_counter() - started})
    rows = [row for cell in cells for row in cell_rows(out, cell.name)]
    write_jsonl(out / "rows.jsonl", rows)
    found = experiment.findings(config, rows).model_copy(
        update={
            "command": command,
            "provenance": provenance(threads, n_workers),
            "seconds": sum(row["seconds"] for row in read_jsonl(folder / "sessions.jsonl")),
        }
    )
    write_text(out / "findings.json", found.model_dump_json(indent=1))
    return found


def run_cell(out: Path, cell: Cell, progress: Progress) -> None:
    """Run one cell unless its file is there."""
    path = cells_folder(out) / f"{slug(cell.name)}.json"
    if path.exists():
        return
    rows = cell.run(out, *cell.arguments, progress)
    write_text(path, json.dumps(rows))


def cell_rows(out: Path, name: str) -> list[Row]:
    """The rows that a cell has left.

    Raises:
        FileFormatError: its file is missing or damaged.
    """
    path = cells_folder(out) / f"{slug(name)}.json"
    try:
        return json.loads(read_bytes(path))
    except ValueError:
        raise FileFormatError(f"{path} is damaged: delete it and run the same command") from None
