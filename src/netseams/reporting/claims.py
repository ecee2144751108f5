"""Claims and their verdicts: on the terminal, and a page of Markdown for each."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from netseams.claims import (
    CLAIMS,
    Claim,
    ConditionVerdict,
    Evidence,
    Verdicts,
    changed_since,
    numbers_in_words,
    rule_in_words,
)
from netseams.reporting.figures.claims import draw_claim
from netseams.reporting.figures.style import render_png
from netseams.reporting.format import MISSING, number
from netseams.reporting.format import interval as interval_text
from netseams.reporting.tables import markdown_table
from netseams.store import write_bytes, write_text


def print_claims(stored: Verdicts, console: Console) -> None:
    """Every claim, and the verdict that stands."""
    table = _table("claim", "statement", "date", "arXiv", "experiment", "verdict")
    for name in CLAIMS:
        claim, evidence = CLAIMS[name].claim, stored.stands(name)
        word = MISSING if evidence is None else evidence.verdict.word
        ids = "\n".join(claim.arxiv_ids) or MISSING
        experiment = claim.prediction.experiment
        table.add_row(name, Text(claim.statement), claim.date, ids, experiment, word)
    console.print(table)


def print_verdicts(found: Sequence[Evidence], console: Console) -> None:
    """A line for every condition, then the reasons."""
    table = _table("claim", "condition", "mean", "95 %", "seeds", "p", "Holm", "verdict")
    for evidence in found:
        for i, condition in enumerate(evidence.verdict.conditions):
            name = evidence.claim.id if i == 0 else ""
            table.add_row(name, condition.condition, *_numbers(condition), condition.word)
    console.print(table)
    for evidence in found:
        line = f"{evidence.claim.id}: {evidence.verdict.word}. {evidence.verdict.reason}"
        console.print(Text(line))


def print_claim(name: str, stored: Verdicts, console: Console) -> None:
    """Everything of one claim.

    Raises:
        UnknownNameError: no such claim.
    """
    claim, evidence = CLAIMS[name].claim, stored.stands(name)
    for label, text in _about(claim):
        console.print(Text.assemble((f"{label}: ", "bold"), text))
    if evidence is None:
        console.print(Text("verdict: none yet", style="bold"))
        return
    print_verdicts([evidence], console)
    if (changed := changed_since(evidence)) is not None:
        console.print(Text(f"note: {changed}"))
    table = _table("seed", *(c.condition for c in evidence.verdict.conditions))
    for cells in _by_seed(evidence):
        table.add_row(*cells)
    console.print(table)
    others = [f"{e.id} ({e.verdict.word})" for e in stored.of(name) if e.id != evidence.id]
    if others:
        console.print(Text(f"other verdicts: {', '.join(others)}"))
    console.print(Text(f"from here down to seeds and versions: netseams why {evidence.id}"))


def write_claim_page(evidence: Evidence, out: Path) -> Path:
    """Write `ID.md` and `ID.png` beside verdicts.json; the page's path."""
    claim, links = evidence.claim, evidence.links
    picture = out / f"{claim.id}.png"
    write_bytes(picture, render_png(claim.id, lambda: draw_claim(evidence)))
    seeds = len(links.seeds)
    command = f"netseams claims run {claim.id} --preset {links.preset} --seeds {seeds}"
    head = ["condition", "mean", "95 %", "seeds", "p", "Holm", "verdict"]
    rows = [[c.condition, *_numbers(c), c.word] for c in evidence.verdict.conditions]
    by_seed = ["seed", *(c.condition for c in evidence.verdict.conditions)]
    figures = "; ".join(
        f"{c.condition}: {numbers_in_words(c)}" for c in evidence.verdict.conditions
    )
    parts = [
        f"# {claim.id}: {evidence.verdict.word}",
        f"*{claim.statement}*",
        f"```sh\n{command}\n```",
        f"![A dot for every seed, mean and interval; {figures}]({picture.name})",
        markdown_table(head, rows),
        f"Why: {evidence.verdict.reason}.",
        "\n".join(f"- **{label}**: {text}" for label, text in _about(claim)[1:]),
        "## Values\n" + markdown_table(by_seed, _by_seed(evidence)),
        f"Raw rows: `{links.rows}` ({links.n_rows} rows, digest {links.rows_digest}), made by "
        f"{_made(evidence)}. `netseams why {evidence.id}` walks from here to configs, seeds and "
        "versions.",
    ]
    path = out / f"{claim.id}.md"
    write_text(path, "\n\n".join(parts) + "\n")
    return path


def _about(claim: Claim) -> list[tuple[str, str]]:
    asked = claim.prediction
    ids = f" (arXiv {', '.join(claim.arxiv_ids)})" if claim.arxiv_ids else ""
    return [
        (claim.id, claim.statement),
        ("source", f"{claim.source}, {claim.date}{ids}"),
        ("experiment", f"{asked.experiment}, preset {asked.preset}"),
        ("metric", asked.metric),
        ("rule", f"{rule_in_words(asked)}; {asked.n_seeds} training seeds"),
        ("would change the verdict", claim.would_change_it),
    ]


def _numbers(condition: ConditionVerdict) -> list[str]:
    """Mean, interval, seeds, p, adjusted p."""
    s = condition.summary
    if s is None:
        return [MISSING, MISSING, "0", MISSING, MISSING]
    ends = MISSING
    if s.low is not None and s.high is not None:
        ends = ", ".join(interval_text(s.low, s.high, "relative"))
    ps = [MISSING if p is None else f"{p:.3f}" for p in (condition.p, condition.p_holm)]
    return [number(s.value, "relative"), ends, str(s.n_seeds), *ps]


def _by_seed(evidence: Evidence) -> list[list[str]]:
    conditions = evidence.verdict.conditions
    seeds = sorted({seed for c in conditions for seed in c.values} | set(evidence.links.seeds))
    return [
        [
            str(seed),
            *(
                ", ".join(number(v, "relative") for v in c.values.get(seed, [])) or MISSING
                for c in conditions
            ),
        ]
        for seed in seeds
    ]


def _made(evidence: Evidence) -> str:
    p = evidence.links.provenance
    if p is None:
        return "an unknown version"
    return f"netseams {p.netseams} (commit {(p.commit or 'unknown')[:12]}), torch {p.torch}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        right = column in ("mean", "95 %", "seeds", "p", "Holm")
        whole = column in ("claim", "date", "arXiv", "verdict")
        table.add_column(column, justify="right" if right else "left", no_wrap=whole)
    return table
