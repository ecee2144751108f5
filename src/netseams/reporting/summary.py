"""The result on the terminal: the answer, the ratios, and the arms. Fits 100 columns."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from netseams.comparison.result import ArmRow, Comparison, Estimate, RouteRow, SizeRatio
from netseams.interventions import AblationKind
from netseams.reporting.format import MISSING, Kind, number, reached, shortened
from netseams.reporting.format import interval as interval_text
from netseams.reporting.view import CorpusView, corpus_views

_ARM = 16
"""Letters of an arm's name that a terminal has room for."""


def print_summary(comparison: Comparison, console: Console) -> None:
    """Print the answer and a few tables for every corpus; with many arms none by task."""
    console.print(Text(_evidence(comparison), style="bold"))
    for sentence in comparison.answer:
        console.print(Text(f"• {sentence}"))
    for view in corpus_views(comparison):
        two = len(view.arms) <= 2
        tables = [_ratio_table(view)] if two else [_arm_table(view), _pair_table(view)]
        if not view.many:
            tables.append(_route_table(view))
        for table in tables:
            console.print()
            console.print(table)
    console.print(
        Text(
            "alone: accuracy of the circuit, everything else mean-ablated (zero: zero-ablated). "
            "removed: share of what "
            "the network has above the floor that is lost without the circuit, and, in brackets, "
            "without a random mask of equal size.",
            style="dim",
        )
    )


def _evidence(comparison: Comparison) -> str:
    seeds = f"{comparison.n_seeds} training seed{'' if comparison.n_seeds == 1 else 's'}"
    if comparison.exploratory:
        return f"exploratory: {seeds}, no intervals"
    return f"{seeds}; intervals are 95 % bootstrap intervals over training seeds"


def _table(title: str) -> Table:
    return Table(title=Text(title), title_justify="left", box=None, pad_edge=False)


def _arm_table(view: CorpusView) -> Table:
    tasks = next((p.row.tasks for p in view.arms if p.row.tasks), [])
    table = _table(
        f"{view.facts.name}: arms; sizes at loss ≤ {view.facts.primary_target:g} nats over "
        f"{len(tasks)} task{'' if len(tasks) == 1 else 's'}"
    )
    table.add_column("arm", no_wrap=True)
    for name in ("test loss", "learned", "non-zero", "edges", "of all", "nodes", "alone", "zero"):
        table.add_column(name, justify="right", no_wrap=True)
    for placed in view.arms:
        table.add_row(*_arm_cells(placed.row))
    return table


def _arm_cells(row: ArmRow) -> list[Text]:
    return [
        Text(shortened(row.name, _ARM)),
        Text(_estimate(row.test_loss, "loss", interval=False)),
        Text(f"{row.n_learned}/{row.n_tasks}"),
        Text(number(row.l0.value, "count")),
        Text(_estimate(row.edges, "count", interval=False)),
        Text(_estimate(row.edge_share, "share", interval=False)),
        Text(_estimate(row.nodes, "count", interval=False)),
        Text(_of(row.alone, "accuracy")),
        Text(_of(row.alone, "accuracy", "zero")),
    ]


def _pair_table(view: CorpusView) -> Table:
    """At the primary target: every pair in a line."""
    table = _table(f"{view.facts.name}: ratios at loss ≤ {view.facts.primary_target:g} nats")
    table.add_column("one over another", overflow="fold")
    for name in ("nodes", "edges", "= density", "× selection", "tasks"):
        table.add_column(name, justify="right")
    for title, ratios in view.pairs:
        for placed in ratios:
            if placed.row.target == view.facts.primary_target:
                table.add_row(Text(title), *_ratio_cells(placed.row, False)[1:6])
    return table


def _ratio_table(view: CorpusView) -> Table:
    pair = view.pairs[0][0] if view.pairs else "no ratio"
    table = _table(f"{view.facts.name}: {pair} at equal loss")
    table.add_column("loss ≤", justify="right")
    for name in ("nodes", "edges", "= density", "× selection"):
        table.add_column(name, justify="right")
    table.add_column("tasks", justify="right")
    table.add_column("", overflow="fold")
    for placed in view.ratios[: len(view.facts.targets)]:
        primary = placed.row.target == view.facts.primary_target
        table.add_row(*_ratio_cells(placed.row, primary), style="bold" if primary else None)
    return table


def _ratio_cells(row: SizeRatio, primary: bool) -> list[Text]:
    estimates = (row.nodes, row.edges, row.density, row.selection)
    return [
        Text(f"{row.target:g}"),
        *(Text(_estimate(estimate, "ratio")) for estimate in estimates),
        Text(str(len(row.tasks))),
        Text("primary" if primary else ""),
    ]


def _route_table(view: CorpusView) -> Table:
    table = _table(f"{view.facts.name}: circuits at loss ≤ {view.facts.primary_target:g} nats")
    table.add_column("task", no_wrap=True)
    table.add_column("arm", no_wrap=True)
    for name in ("network", "edges", "of all", "nodes", "alone", "removed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("controls")
    for task in view.tasks:
        for i, placed in enumerate(task.routes):
            name = shortened(task.facts.name, 15) if i == 0 else ""
            table.add_row(Text(name), *_route_cells(placed.row))
    return table


def _route_cells(row: RouteRow) -> list[Text]:
    cells = [
        Text(shortened(row.arm, _ARM)),
        Text(_estimate(row.network_accuracy, "accuracy", interval=False)),
    ]
    if row.edges is None:
        cells += [Text(MISSING)] * 5
    else:
        cells += [
            Text(_estimate(row.edges, "count", interval=False)),
            Text(_estimate(row.edge_share, "share", interval=False)),
            Text(_estimate(row.nodes, "count", interval=False)),
            Text(_of(row.sufficiency_accuracy, "accuracy")),
            Text(f"{_of(row.necessity, 'relative')} ({_of(row.necessity_random, 'relative')})"),
        ]
    return [*cells, _verdict(row)]


def _verdict(row: RouteRow) -> Text:
    """What stands in the way first, then what the circuit beat."""
    notes: list[tuple[str, str]] = []
    if row.n_learned < row.n_seeds:
        learned = reached(row.n_learned, row.n_seeds)
        text = f"learned in {learned}" if row.n_learned else "network did not learn"
        notes.append((text, "yellow"))
    if row.n_reached < row.n_seeds and row.n_learned:
        found = reached(row.n_reached, row.n_seeds)
        text = f"loss reached in {found}" if row.n_reached else "loss not reached"
        notes.append((text, "yellow"))
    lost = [beats.control for beats in row.beats if not beats.beats]
    if lost:
        notes.append((f"not {', '.join(lost)}".replace("_", " "), "red"))
    elif row.beats:
        notes.append((f"beats all {len(row.beats)}", "green"))
    return Text("; ").join(Text(text, style=style) for text, style in notes)


def _of(
    estimates: dict[AblationKind, Estimate] | None, kind: Kind, ablation: AblationKind = "mean"
) -> str:
    return _estimate((estimates or {}).get(ablation), kind, interval=False)


def _estimate(estimate: Estimate | None, kind: Kind, interval: bool = True) -> str:
    if estimate is None:
        return MISSING
    text = number(estimate.value, kind)
    if interval and estimate.low is not None and estimate.high is not None:
        low, high = interval_text(estimate.low, estimate.high, kind)
        text += f"\n[{low}, {high}]"
    return text
