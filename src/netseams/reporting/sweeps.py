"""The frontier of a sweep: a figure, a table."""

from pathlib import Path

from netseams.reporting.figures.style import render_png
from netseams.reporting.figures.sweep import draw_frontier
from netseams.reporting.format import MISSING, number
from netseams.reporting.tables import markdown_table
from netseams.store import write_bytes, write_text
from netseams.sweeps.frontier import Frontier, Range

_HEAD = [
    "network", "test loss", "weights", "reached", "nodes", "edges", "untrained twins reached",
]  # fmt: skip


def write_frontier(found: Frontier, out: Path) -> list[Path]:
    """Write `frontier.json`, `frontier.md` and `frontier.png`; their paths."""
    paths = [out / f"frontier.{kind}" for kind in ("json", "md", "png")]
    write_text(paths[0], found.model_dump_json(indent=1))
    write_text(paths[1], frontier_page(found))
    write_bytes(paths[2], render_png("frontier", lambda: draw_frontier(found)))
    return paths


def frontier_page(found: Frontier) -> str:
    """Head, table, curves."""
    rows = [
        [
            group.label, _written(group.loss, "loss"), number(group.l0_edges, "count"),
            f"{group.reached}/{group.seeds}", _written(group.nodes, "count"),
            _written(group.edges, "count"), f"{group.untrained_reached}/{group.untrained}",
        ]
        for group in found.groups
    ]  # fmt: skip
    seeds = max((group.seeds for group in found.groups), default=0)
    how = (
        f"{seeds} training seeds, exploratory: least and greatest in brackets"
        if found.exploratory else f"{seeds} training seeds, 95 % intervals"
    )  # fmt: skip
    lines = [
        f"# Plan {found.plan}: capability against circuit size",
        f"Circuits of {', '.join(found.tasks)} at {found.target:g} nats; sizes are geometric means "
        f"over tasks. {how}.",
        "![Loss of the network against size of its circuits](frontier.png)",
        markdown_table(_HEAD, rows),
        "weights: non-zero entries of block matrices. reached: seeds in which every task was "
        "learned and reached; only these have sizes.",
        "\n".join(f"- {curve.name}: {' → '.join(curve.labels)}" for curve in found.curves),
    ]
    if found.missing:
        lines.append(f"Not done: {', '.join(found.missing)}.")
    if (p := found.provenance) is not None:
        lines.append(
            f"netseams {p.netseams} (commit {(p.commit or 'unknown')[:12]}), torch {p.torch}, "
            f"Python {p.python}."
        )
    return "\n\n".join(lines) + "\n"


def _written(value: Range | None, kind: str) -> str:
    if value is None:
        return MISSING
    ends = (number(value.low, kind), number(value.high, kind))  # type: ignore[arg-type]
    return f"{number(value.value, kind)} [{', '.join(ends)}]"  # type: ignore[arg-type]
