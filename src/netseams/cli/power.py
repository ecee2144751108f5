"""`netseams power`: coverage of intervals and power of tests, by simulation."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams.evaluation.statistics.coverage import COVERAGE_SEEDS, SHAPES, Coverage
from netseams.evaluation.statistics.power import EFFECTS, MARGINS, POWER_SEEDS, fewest_seeds
from netseams.evaluation.statistics.simulation import PowerTables, simulate, simulation_names
from netseams.reporting.format import MISSING
from netseams.reporting.tables import markdown_table
from netseams.store import provenance, write_text

_LEVELS = {1: "seeds", 2: "seeds, extractions", 3: "seeds, extractions, examples"}


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""

    def power(
        out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs/power"),
        repeats: Annotated[int, tyro.conf.arg(metavar="N")] = 4000,
        seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0,
    ) -> int:
        """Simulate how often 95 % intervals hold the truth, and how many seeds show which effect.

        Reads no results and trains nothing. Takes one to two minutes on one core.

        Args:
            out: Folder for power.json and power.md.
            repeats: Simulated experiments in every cell of the tables.
            seed: Seed of all draws; equal seeds give equal tables.
        """
        return _power(out, repeats, seed, arguments)

    return call(power, arguments, "power")


def _power(out: Path, repeats: int, seed: int, arguments: list[str]) -> int:
    terminal = console()
    with JobProgress(terminal) as progress:
        progress.plan(simulation_names())
        found = simulate(repeats, seed, lambda name: progress.report(name, 1, 1, ""))
    command = shlex.join(["netseams", "power", *arguments])
    found = found.model_copy(update={"command": command, "provenance": provenance(1, 1)})
    write_text(out / "power.json", found.model_dump_json(indent=1) + "\n")
    pages = _pages(found)
    page = out / "power.md"
    write_text(page, _markdown(found, pages))
    for part in pages:
        _print(part, terminal)
    terminal.print(f"tables: {page}", soft_wrap=True)
    return 0


@dataclass(frozen=True)
class _Part:
    title: str
    head: list[str]
    rows: list[list[str]]


def _pages(found: PowerTables) -> list[_Part]:
    seeds = [f"{n} seeds" for n in COVERAGE_SEEDS]
    covered, missed, bca = [], [], []
    for shape in SHAPES:
        for levels, name in _LEVELS.items():
            cells = {c.n_seeds: c for c in _cells(found.coverage, shape, levels)}
            if not cells:
                continue
            shown = [_percent(cells[n].covered if n in cells else None) for n in COVERAGE_SEEDS]
            covered.append([shape, name, *shown])
            if levels == 1:
                bca.append([shape, *(_percent(cells[n].bca) for n in COVERAGE_SEEDS)])
            if 8 in cells:
                sides = (cells[8].too_low, cells[8].too_high)
                missed.append([shape, name, *(_percent(side) for side in sides)])
    effects = [f"{effect:g} sd" for effect in EFFECTS]
    return [
        _Part("Coverage of the 95 % interval, %", ["values", "levels", *seeds], covered),
        _Part(
            "Where it misses with 8 seeds, %",
            ["values", "levels", "lies below the truth", "lies above it"],
            missed,
        ),
        _Part("Coverage of BCa of a mean, %", ["values", *seeds], bca),
        _Part(
            "An effect is found: exact sign-flip test / interval excludes zero, %",
            ["seeds", *effects],
            [[str(n), *_pairs(found, n)] for n in POWER_SEEDS],
        ),
        _Part(
            "Fewest of these seeds that find it 80 times in 100",
            ["by", *effects[1:]],
            [["exact test", *_fewest(found, "exact")], ["interval", *_fewest(found, "interval")]],
        ),
        _Part(
            "Equivalent: larger p of `equivalence_test` below .05 / interval inside the margin, %",
            [
                "seeds",
                *(f"margin {m:g} sd, no effect" for m in MARGINS),
                *(f"margin and effect {m:g} sd" for m in MARGINS),
            ],
            [[str(n), *_equivalent(found, n)] for n in POWER_SEEDS],
        ),
    ]


def _cells(rows: Sequence[Coverage], shape: str, levels: int) -> list[Coverage]:
    return [row for row in rows if (row.shape, row.levels) == (shape, levels)]


def _pairs(found: PowerTables, n: int) -> list[str]:
    rows = {row.effect: row for row in found.power if row.n_seeds == n}
    return [f"{_percent(rows[e].exact)} / {_percent(rows[e].interval)}" for e in EFFECTS]


def _fewest(found: PowerTables, test: Literal["exact", "interval"]) -> list[str]:
    most = max(row.n_seeds for row in found.power if getattr(row, test) is not None)
    return [
        str(fewest_seeds(found.power, effect, test) or f"over {most}") for effect in EFFECTS[1:]
    ]


def _equivalent(found: PowerTables, n: int) -> list[str]:
    """Without an effect, by margin; then with one as large as the margin."""
    rows = {(row.margin, row.effect): row for row in found.equivalence if row.n_seeds == n}
    some = [rows[m, 0.0] for m in MARGINS] + [rows[m, m] for m in MARGINS]
    return [f"{_percent(row.both)} / {_percent(row.interval)}" for row in some]


def _markdown(found: PowerTables, parts: Sequence[_Part]) -> str:
    error = 100 * (0.95 * 0.05 / found.repeats) ** 0.5
    head = (
        f"```sh\n{found.command}\n```\n\n{found.repeats:,} simulated experiments in every cell: "
        f"the standard error of 95 % is {error:.2f} %. sd is that of seeds."
    )
    tables = [f"## {part.title}\n{markdown_table(part.head, part.rows)}" for part in parts]
    return "\n\n".join([head, *tables]) + "\n"


def _print(part: _Part, terminal: Console) -> None:
    table = Table(title=part.title, title_justify="left", box=None, pad_edge=False)
    words = 1 if part.rows and part.rows[0][0].isdigit() else part.head.count("levels") + 1
    for i, name in enumerate(part.head):
        table.add_column(name, justify="left" if i < words else "right")
    for row in part.rows:
        table.add_row(*row)
    terminal.print(table)
    terminal.print()


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.1f}"
