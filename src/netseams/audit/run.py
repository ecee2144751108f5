"""The battery: every check, and the card that comes of them."""

import time
from collections.abc import Callable, Iterable

from netseams.audit.card import AuditCard, Finding, word_of
from netseams.audit.checks import CHECKS
from netseams.audit.subject import NotApplicableError, Subject, digest
from netseams.core import TaskError
from netseams.store import Provenance

Report = Callable[[int, int, str], None]


def audit(
    subject: Subject, checks: Iterable[str] | None = None, report: Report | None = None
) -> AuditCard:
    """Ask a circuit everything, here and now.

    Args:
        checks: names of checks; None: all of them. A word is given on what was asked.
        report: called with (checks done, checks in all, the next one's name).

    Raises:
        UnknownNameError: no such check.
    """
    names = list(CHECKS) if checks is None else list(checks)
    findings: list[Finding] = []
    for number, name in enumerate(names):
        if report is not None:
            report(number, len(names), name)
        findings.append(ask(subject, name))
    return card_of(subject, findings)


def ask(subject: Subject, name: str) -> Finding:
    """One check's finding; where there is nothing to ask, that says why.

    Raises:
        UnknownNameError: no such check.
    """
    check = CHECKS[name]()
    started = time.perf_counter()
    try:
        found = check.run(subject)
    except (NotApplicableError, TaskError) as error:
        found = Finding(check=name, outcome="not_applicable", detail=str(error))
    return found.model_copy(update={"seconds": time.perf_counter() - started})


def card_of(
    subject: Subject,
    findings: Iterable[Finding],
    provenance: Provenance | None = None,
) -> AuditCard:
    """The card of a circuit from what its checks found."""
    findings = tuple(findings)
    word, missed, not_asked = word_of({f.check: f.outcome for f in findings})
    circuit = subject.circuit
    return AuditCard(
        circuit=digest(circuit),
        task=circuit.task,
        corpus=circuit.corpus,
        model_fingerprint=circuit.model_fingerprint,
        granularity=circuit.granularity,
        n_nodes=circuit.n_nodes,
        n_edges=circuit.n_edges,
        method=str(circuit.found_by.get("method", "unknown")),
        target=subject.target,
        ablation=subject.kind,
        accuracy=subject.whole.accuracy,
        floor=subject.task.floor_accuracy,
        findings=findings,
        word=word,
        missed=missed,
        not_asked=not_asked,
        provenance=provenance,
        seconds=sum(finding.seconds for finding in findings),
    )
