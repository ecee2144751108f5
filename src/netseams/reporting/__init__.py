"""The report page, its figures and the summary on the terminal. Reads results, computes none."""

from pathlib import Path
from typing import TYPE_CHECKING

from netseams.comparison.result import Comparison

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_summary", "read_comparison", "write_report"]

# The functions below import their modules when called: what they need (matplotlib, jinja2,
# rich) takes longer to load than a command that writes no report should wait.


def read_comparison(path: Path) -> Comparison:
    """Read comparison.json, or the one in the folder given.

    Raises:
        FileFormatError: the file is missing, unreadable, or not a comparison of this version.
    """
    return Comparison.read(path / "comparison.json" if path.is_dir() else path)


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write `report.html` and `figures/` into `folder`, and return the path of the page.

    The page needs no script and asks nothing of any network; all figures are in it, and beside
    it as files.

    Raises:
        FileFormatError: a row is about a corpus or a task that the comparison does not describe.
        StorageError: no space, or the folder cannot be written.
    """
    from netseams.reporting import report

    return report.write_report(comparison, folder)


def print_summary(comparison: Comparison, console: "Console") -> None:
    """Print the answer, the ratios and both routes as tables that fit 100 columns."""
    from netseams.reporting import summary

    summary.print_summary(comparison, console)
