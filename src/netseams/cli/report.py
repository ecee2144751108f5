"""`netseams report`: the page again, from the stored result."""

from pathlib import Path
from typing import Annotated

import tyro

from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.reporting import print_summary, read_comparison, write_report


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(report, arguments, "report")


def report(comparison: Annotated[Path, tyro.conf.Positional]) -> int:
    """Write report.html and the figures again.

    Args:
        comparison: A comparison.json, or the folder that holds it.
    """
    path = comparison / "comparison.json" if comparison.is_dir() else comparison
    result = read_comparison(path)
    page = write_report(result, path.parent)
    terminal = console()
    print_summary(result, terminal)
    terminal.print(f"report: {page}", soft_wrap=True)
    return 0
