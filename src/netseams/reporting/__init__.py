"""The report page, its figures and the summary on the terminal. Reads results, computes none.

Matplotlib is loaded when the first figure is drawn, not by this import.
"""

from netseams.reporting.findings import print_findings, write_findings
from netseams.reporting.report import read_comparison, write_report
from netseams.reporting.summary import print_summary

__all__ = [
    "print_findings",
    "print_summary",
    "read_comparison",
    "write_findings",
    "write_report",
]
