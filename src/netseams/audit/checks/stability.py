"""Is the same circuit found again: with other seeds of the search, and on fewer examples?"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check, average, spread
from netseams.audit.subject import Again, NotApplicableError, Subject
from netseams.circuits import Circuit, chosen_masks, places_of
from netseams.masks import exclusive, intersection, overlap, size, union
from netseams.models import component_graph, only_ours

Masks = dict[str, Tensor]


@CHECKS.register("seeds")
class Seeds(Check):
    """Mean overlap with circuits of the same search from other seeds, corrected for chance.

    Beside it the overlap with a random circuit and with the circuits of siblings: as alike as
    those, what is found again is what lives in the network, and not the task's own. That is no
    failure, since tasks may share a circuit.
    """

    name = "seeds"
    question = "does the same search find it again with other seeds?"
    failure = "it is one draw of many: what it consists of says little"
    searches = True
    group = "siblings"

    def run(self, subject: Subject) -> Finding:
        labels = [f"seed {number}" for number in range(subject.config.extraction_seeds)]
        again = subject.search_all(dict.fromkeys(labels, subject.task))
        values = [_alike(subject, one) for one in again]
        others = _unrelated(subject)
        missed = sum(one.circuit is None for one in again)
        return self.found(
            average(values) >= subject.config.alike, value=average(values),
            control=max(others.values()),
            detail=(f"{missed} of {len(again)} searches missed the target; " if missed else "")
            + "IoU corrected for chance; with "
            + ", ".join(f"{whose} {value:.2f}" for whose, value in others.items()),
            **spread(values, "searches"),
        )  # fmt: skip


@CHECKS.register("deletion")
class Deletion(Check):
    """IoU of the circuit and of what is certified: found by so many searches on thinned examples
    that no change of one example could turn the vote (arXiv 2602.22968, 2302.01757)."""

    name = "deletion"
    question = "is every place found again whichever examples are left out?"
    failure = "which places it has depends on the examples that it was found with"
    searches = True

    def run(self, subject: Subject) -> Finding:
        config = subject.config
        n, own = config.deletions, _masks(subject, subject.circuit)
        if not radius(n, n, config.p_deleted):
            raise NotApplicableError(
                f"{n} searches on thinned examples cannot certify a change of one example, even "
                f"where all agree: it takes {enough(config.p_deleted)}"
            )
        votes = {name: torch.zeros(mask.shape) for name, mask in own.items()}
        thinned = {f"deletion {i}": subject.thinned(config.p_deleted, str(i)) for i in range(n)}
        for again in subject.search_all(thinned):
            if again.circuit is not None:
                masks = _masks(subject, again.circuit)
                votes = {name: count + masks[name].float() for name, count in votes.items()}
        table = [radius(v, n, config.p_deleted) for v in range(n + 1)]
        radii = torch.tensor([-1 if r is None else r for r in table])
        members = {name: radii[count.long()] >= 1 for name, count in votes.items()}
        either = size(union([members, own]))
        if not size(own):
            raise NotApplicableError("the circuit is empty")
        both, certified = size(intersection([members, own])), size(members)
        certain = {name: radii[count.long()] >= 0 for name, count in votes.items()}
        abstained = size(exclusive(own, [certain])) / size(own)
        return self.found(
            both / either >= config.certified, value=both / either,
            n=n, unit="searches on thinned examples",
            detail=f"{both} of its {size(own)} places are certified, {certified - both} others "
            f"too; no certain majority for {abstained:.0%} of it",
        )  # fmt: skip


def radius(votes: int, n: int, p_deleted: float, alpha: float = 0.05) -> int | None:
    """Examples that may be changed before the majority for a place could turn; None: abstain.

    With a lower bound p on the chance that a thinned search finds the place (Clopper and Pearson,
    one-sided), and a chance of p_deleted^r that none of r changed examples was left in, the
    majority stays while p - (1 - p_deleted^r) > 1/2 (randomised deletion, arXiv 2302.01757).
    """
    from scipy.stats import beta  # loaded where it is needed: it is slow to import

    lower = 0.0 if votes == 0 else float(beta.ppf(alpha, votes, n - votes + 1))
    if lower <= 0.5:
        return None
    r = 0
    while lower - (1 - p_deleted ** (r + 1)) > 0.5:
        r += 1
    return r


def enough(p_deleted: float) -> str:
    """How many searches that agree certify a change of one example.

    With chances of deletion up to a half none do, for a half of the examples is always seen.
    """
    needed = next((n for n in range(1, 1000) if radius(n, n, p_deleted)), None)
    return "a higher p_deleted" if needed is None else f"{needed} or more"


def _masks(subject: Subject, circuit: Circuit) -> Masks:
    return chosen_masks(circuit, _links(subject))


def _links(subject: Subject) -> Sequence[tuple[str, str]] | None:
    if subject.circuit.granularity != "components":
        return None
    return component_graph(only_ours(subject.model, "circuits of links").cfg).links


def _within(subject: Subject) -> Masks:
    if subject.circuit.granularity != "components":
        return places_of(subject.circuit, subject.model)
    return {k: torch.ones_like(m) for k, m in _masks(subject, subject.circuit).items()}


def _alike(subject: Subject, again: Again) -> float:
    """0 at chance, 1 for the same circuit; 0 where none was found."""
    return 0.0 if again.circuit is None else _corrected(subject, again.circuit)


def _unrelated(subject: Subject) -> dict[str, float]:
    """The same overlap with circuits of something else."""
    found = {"a random circuit of equal size": _corrected(subject, subject.randoms[0])}
    try:
        siblings = subject.sibling_circuits()
    except NotApplicableError:
        return found
    others = {
        f"that of {name}": _corrected(subject, again.circuit)
        for name, again in siblings.items()
        if again.circuit is not None
    }
    return {**found, **others}


def _corrected(subject: Subject, other: Circuit) -> float:
    found = overlap(_masks(subject, subject.circuit), _masks(subject, other), _within(subject)).iou
    value = None if found is None else found.corrected
    return 0.0 if value is None or math.isnan(value) else value
