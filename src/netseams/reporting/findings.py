"""What an experiment found: on the terminal and as Markdown."""

from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from netseams.experiments import Column, Findings, SeedSummary, Table
from netseams.reporting.figures.experiments import FIGURES
from netseams.reporting.figures.style import render_png
from netseams.reporting.format import MISSING, interval, number
from netseams.reporting.tables import markdown_table
from netseams.store import write_bytes, write_text

_WIDEST = 14
"""Columns of a table that a terminal has room for."""


def print_findings(found: Findings, console: Console) -> None:
    """The answer, then every table."""
    console.print(Text(f"{found.question} {_evidence(found)}", style="bold"))
    for sentence in found.answer:
        console.print(Text(f"• {sentence}"))
    for table in found.tables:
        if len(table.columns) > _WIDEST:
            console.print(Text(f"\n{table.title}: in summary.md", style="dim"))
            continue
        grid = Grid(title=Text(table.title), title_justify="left", box=None, pad_edge=False)
        for column in table.columns:
            grid.add_column(column.name, justify="right" if column.kind else "left")
        for row in _written(table):
            grid.add_row(*(Text(cell) for cell in row))
        console.print()
        console.print(grid)
        if table.note:
            console.print(Text(table.note, style="dim"))


def write_findings(found: Findings, out: Path) -> Path:
    """Write `summary.md`, and `figure.png` where the experiment has one; the path of the former."""
    parts = [_head(found), "\n".join(f"- {sentence}" for sentence in found.answer)]
    if found.experiment in FIGURES:
        draw = FIGURES[found.experiment]
        write_bytes(out / "figure.png", render_png(found.experiment, lambda: draw(found)))
        parts.append(f"![{found.question}](figure.png)")
    for table in found.tables:
        head = [column.name for column in table.columns]
        parts.append(f"## {table.title}\n" + markdown_table(head, _written(table)))
        if table.note:
            parts.append(table.note)
    if found.notes:
        parts.append("## Limits\n" + "\n".join(f"- {note}" for note in found.notes))
    path = out / "summary.md"
    write_text(path, "\n\n".join(parts) + "\n")
    return path


def _head(found: Findings) -> str:
    p = found.provenance
    made = ""
    if p is not None:
        made = (
            f" {p.n_cores} CPU cores, {p.n_workers} workers of {p.threads_per_worker} thread, "
            f"{number(found.seconds, 'seconds')} in all; netseams {p.netseams} (commit "
            f"{(p.commit or 'unknown')[:12]}), torch {p.torch}, Python {p.python}."
        )
    return (
        f"**{found.question}**\n\n```sh\n{found.command}\n```\n\n{_evidence(found)}.{made}\n\n"
        f"Primary metric, fixed before the run: {found.primary_metric}"
    )


def _evidence(found: Findings) -> str:
    seeds = f"{found.n_seeds} training seed{'' if found.n_seeds == 1 else 's'}"
    return f"{seeds}, " + (
        "exploratory, no intervals" if found.exploratory else "95 % intervals over seeds"
    )


def _written(table: Table) -> list[list[str]]:
    return [
        [_cell(value, column) for value, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]


def _cell(value: str | float | SeedSummary | None, column: Column) -> str:
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    kind = column.kind or "relative"
    if not isinstance(value, SeedSummary):
        return number(value, kind)
    if value.low is None or value.high is None:
        return number(value.value, kind)
    return f"{number(value.value, kind)} [{', '.join(interval(value.low, value.high, kind))}]"
