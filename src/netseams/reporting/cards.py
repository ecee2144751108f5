"""The card of an audited circuit: on the terminal and as Markdown."""

from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from netseams.audit import CHECKS, AuditCard, Finding
from netseams.reporting.format import MISSING, number
from netseams.reporting.tables import markdown_table
from netseams.store import write_text

_MARKS = {"pass": "pass", "fail": "FAIL", "not_applicable": "not asked", "descriptive": "says"}
_CONDITION_MET = "met"
"""Of a check that fakes pass too, in the place of "pass"."""
_HEAD = ["check", "", "value", "control", "range", "what was seen"]
_SHORT = ["check", "", "value", "control", "what was seen"]
"""Columns that a terminal has room for."""


def print_card(card: AuditCard, console: Console) -> None:
    """The word, then a line a check."""
    console.print(Text(headline(card), style="bold"))
    grid = Grid(box=None, pad_edge=False)
    for name in _SHORT:
        grid.add_column(name, justify="right" if name in ("value", "control") else "left")
    for finding in card.findings:
        style = {"FAIL": "red", "pass": "green"}.get(_mark(finding), "dim")
        cells = dict(zip(_HEAD, _cells(finding), strict=True))
        grid.add_row(*(Text(cells[name], style=style) for name in _SHORT))
    console.print(grid)
    for line in why(card):
        console.print(Text(line))


def print_cards(cards: dict[Path, AuditCard], console: Console) -> None:
    """One line a circuit."""
    grid = Grid(box=None, pad_edge=False)
    for name in ("circuit", "task", "nodes", "edges", "word", "kept from the next word by"):
        grid.add_column(name, justify="right" if name in ("nodes", "edges") else "left")
    for path, card in cards.items():
        sizes = (number(card.n_nodes, "count"), number(card.n_edges, "count"))
        grid.add_row(str(path), card.task, *sizes, card.word, ", ".join(card.missed))
    console.print(grid)


def write_card(card: AuditCard, folder: Path) -> Path:
    """Write `card.md`; its path."""
    table = markdown_table(_HEAD, [_cells(finding) for finding in card.findings])
    made = ""
    if (p := card.provenance) is not None:
        made = (
            f"\n\nnetseams {p.netseams} (commit {(p.commit or 'unknown')[:12]}), torch {p.torch}, "
            f"Python {p.python}; {number(card.seconds, 'seconds')} of checks."
        )
    lines = "\n".join(f"- {line}" for line in why(card))
    path = folder / "card.md"
    write_text(path, f"# {headline(card)}\n\n{table}\n\n{lines}{made}\n")
    return path


def headline(card: AuditCard) -> str:
    """The circuit and its word in one line."""
    return (
        f"{card.task} on {card.corpus}: {number(card.n_nodes, 'count')} nodes, "
        f"{number(card.n_edges, 'count')} edges: {card.word}"
    )


def why(card: AuditCard) -> list[str]:
    """What each failure means, and what was not asked."""
    lines = [
        f"{finding.check}: {CHECKS[finding.check].failure}"
        for finding in card.findings
        if finding.outcome == "fail"
    ]
    met = [finding.check for finding in card.findings if _mark(finding) == _CONDITION_MET]
    if met:
        lines.append(f"{', '.join(met)}: {_CONDITION_MET}, as fakes meet it: no evidence by itself")
    if card.not_asked:
        lines.append(f"the word rests on no answer to: {', '.join(card.not_asked)}")
    lines.append("one network: nothing here speaks of other training seeds")
    return lines


def _mark(finding: Finding) -> str:
    if finding.outcome == "pass" and CHECKS[finding.check].only_a_condition:
        return _CONDITION_MET
    return _MARKS[finding.outcome]


def _cells(finding: Finding) -> list[str]:
    whole = finding.value is not None and finding.value > 1.5  # a size, not a share
    kind = "count" if whole else "relative"
    span = MISSING
    if finding.low is not None and finding.high is not None:
        span = f"{number(finding.low, 'relative')} .. {number(finding.high, 'relative')}"
        span += f" ({finding.n} {finding.unit})"
    return [
        finding.check, _mark(finding), number(finding.value, kind),
        number(finding.control, kind), span, finding.detail,
    ]  # fmt: skip
