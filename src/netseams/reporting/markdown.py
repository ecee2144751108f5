"""The result as Markdown: for a repository, an issue, a paper's appendix."""

from netseams.comparison.result import (
    ArmRow,
    Comparison,
    Estimate,
    NetworkRow,
    RouteRow,
    SizeRatio,
)
from netseams.interventions import ABLATIONS, AblationKind
from netseams.reporting.format import MISSING, Kind, interval, number
from netseams.reporting.tables import markdown_table
from netseams.reporting.view import CorpusView, Placed, corpus_views


def markdown(comparison: Comparison) -> str:
    """The answer, the tables with their intervals, the limits and the command."""
    parts = ["\n".join(f"- {sentence}" for sentence in comparison.answer)]
    for view in corpus_views(comparison):
        parts.append(_arms(view))
        parts += [_ratios(view, title, ratios) for title, ratios in view.pairs]
        parts += [_routes(view), _knockouts(view), _networks(view)]
    parts += [_matrices(comparison), "## Limits\n" + "\n".join(f"- {x}" for x in comparison.limits)]
    return "\n\n".join([_head(comparison), *parts]) + "\n"


def _head(c: Comparison) -> str:
    seeds = f"{c.n_seeds} training seed{'' if c.n_seeds == 1 else 's'}"
    evidence = "exploratory, no intervals" if c.exploratory else "95 % intervals over seeds"
    p = c.provenance
    return (
        f"```sh\n{c.command}\n```\n\n{seeds}, {evidence}. {p.n_cores} CPU cores, {p.n_workers} "
        f"workers of {p.threads_per_worker} thread, {number(c.cost.wall, 'seconds')} in all; "
        f"netseams {p.netseams} (commit {(p.commit or 'unknown')[:12]}), torch {p.torch}, "
        f"Python {p.python}.\n\nPrimary metric, fixed before the run: {c.primary_metric}"
    )


def _arms(view: CorpusView) -> str:
    title = f"## {view.facts.name}: arms"
    if len(view.arms) <= 2:
        said = [f"- {p.row.name} {p.row.words}" for p in view.arms if not p.row.reference]
        return "\n".join([title, *said])
    head = [
        "arm", "test loss", "task accuracy", "learned", "reached", "non-zero", "density", "nodes",
        "edges", "alone, mean", "alone, zero", "lost without, mean", "lost without, zero",
        "what differs",
    ]  # fmt: skip
    tasks = next((p.row.tasks for p in view.arms if p.row.tasks), [])
    over = f"Sizes: geometric means over {', '.join(tasks) or 'no task'}."
    return f"{title}\n{over}\n\n" + markdown_table(head, [_arm(p.row) for p in view.arms])


def _arm(r: ArmRow) -> list[str]:
    return [
        r.name, _est(r.test_loss, "loss"), _est(r.task_accuracy, "accuracy"),
        f"{r.n_learned}/{r.n_tasks}", f"{r.n_reached}/{r.n_tasks}",
        number(r.l0.value, "count"), number(r.density.value, "share"),
        _est(r.nodes, "count"), _est(r.edges, "count"),
        _of(r.alone, "mean", "accuracy"), _of(r.alone, "zero", "accuracy"),
        _of(r.necessity, "mean", "relative"), _of(r.necessity, "zero", "relative"),
        r.words + (f" ({r.note})" if r.note else ""),
    ]  # fmt: skip


def _ratios(view: CorpusView, title: str, ratios: list[Placed[SizeRatio]]) -> str:
    rows = [
        [
            f"{p.row.target:g}",
            *(_est(e, "ratio") for e in (p.row.nodes, p.row.edges, p.row.density, p.row.selection)),
            ", ".join(p.row.tasks) or MISSING,
        ]
        for p in ratios
    ]
    head = ["loss at most", "nodes", "edges", "= density", "x selection", "tasks"]
    return f"## {view.facts.name}: {title} at equal loss\n" + markdown_table(head, rows)


def _routes(view: CorpusView) -> str:
    rows = [
        [
            r.task, r.arm, f"{r.n_learned}/{r.n_seeds}", f"{r.n_reached}/{r.n_seeds}",
            _est(r.network_accuracy, "accuracy"), _est(r.nodes, "count"),
            _edges(r), _est(r.edge_share, "share"),
            _of(r.sufficiency_accuracy, "mean", "accuracy"),
            _of(r.sufficiency_accuracy, "zero", "accuracy"), _est(r.agreement, "accuracy"),
            _est(r.better_than_network, "signed"), _beaten(r),
        ]
        for r in _rows(view)
    ]  # fmt: skip
    head = [
        "task", "arm", "learned", "reached", "network accuracy", "nodes", "edges",
        "share of edges", "circuit alone, mean", "circuit alone, zero", "agrees with network",
        "network minus circuit, nats",
        "controls not beaten",
    ]  # fmt: skip
    title = f"## {view.facts.name}: circuits at a loss of at most {view.facts.primary_target:g}"
    return f"{title} nats\n" + markdown_table(head, rows)


def _knockouts(view: CorpusView) -> str:
    rows = [
        [
            r.task,
            r.arm,
            *(
                f"{_lost(r.necessity, kind)} ({_lost(r.necessity_random, kind)})"
                for kind in ABLATIONS
            ),
        ]
        for r in _rows(view)
    ]
    title = (
        f"## {view.facts.name}: lost without the circuit, and, in brackets, without as many "
        "random nodes"
    )
    return f"{title}\n" + markdown_table(["task", "arm", *ABLATIONS], rows)


def _networks(view: CorpusView) -> str:
    rows = [_network(p.row) for p in view.networks]
    head = ["arm", "seed", "test loss", "non-zero", "edges", "accuracy by task", "further"]
    return f"## {view.facts.name}: networks\n" + markdown_table(head, rows)


def _network(n: NetworkRow) -> list[str]:
    tasks = ", ".join(
        f"{t.task} {number(t.accuracy, 'accuracy')}{'' if t.learned else ' (not learned)'}"
        for t in n.tasks
    )
    extra = ", ".join(f"{key} {number(value, 'accuracy')}" for key, value in n.extra.items())
    return [
        n.arm, str(n.seed), number(n.test_loss, "loss"), number(n.l0, "count"),
        number(n.edges, "count"), tasks, extra or MISSING,
    ]  # fmt: skip


def _matrices(c: Comparison) -> str:
    rows = [
        [
            m.corpus, m.arm, m.part, m.ablation,
            _est(m.diagonal, "relative"), _est(m.off_diagonal, "relative"),
        ]
        for m in c.matrices
    ]  # fmt: skip
    head = ["corpus", "arm", "removed", "ablation", "own task loses", "other tasks lose"]
    return "## Specificity\n" + markdown_table(head, rows)


def _rows(view: CorpusView) -> list[RouteRow]:
    return [placed.row for task in view.tasks for placed in task.routes]


def _beaten(row: RouteRow) -> str:
    if not row.beats:
        return "no circuit"
    return ", ".join(b.control.replace("_", " ") for b in row.beats if not b.beats) or "none"


def _edges(row: RouteRow) -> str:
    """With calibrated logits in brackets, where they were asked for."""
    fitted = row.calibrated_edges
    also = f" (calibrated {_est(fitted, 'count')})" if fitted else ""
    return _est(row.edges, "count") + also


def _lost(values: dict[AblationKind, Estimate] | None, kind: AblationKind) -> str:
    return _of(values, kind, "relative")


def _of(values: dict[AblationKind, Estimate] | None, kind: AblationKind, as_: Kind) -> str:
    return _est((values or {}).get(kind), as_)


def _est(e: Estimate | None, kind: Kind) -> str:
    if e is None:
        return MISSING
    if e.low is None or e.high is None:
        return number(e.value, kind)
    return f"{number(e.value, kind)} [{', '.join(interval(e.low, e.high, kind))}]"
