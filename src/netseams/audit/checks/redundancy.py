"""Forbid what was found and search again, until nothing is found."""

import math

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check
from netseams.audit.subject import Again, Subject
from netseams.circuits import Circuit
from netseams.masks import union
from netseams.models import sites_of

_COMPUTING = ("hook_q", "hook_k", "hook_v", "hook_post")


@CHECKS.register("redundancy")
class Redundancy(Check):
    """How many circuits without a head channel or neuron in common do the task. What reads and
    writes the residual stream is shared by all that work in parallel, and stays open.

    Half of a head that is left may do harm, so that what does the task beside it is not found:
    each round forbids the channels, and where nothing is found their whole heads.
    """

    name = "redundancy"
    question = "is there another circuit without any of its head channels and neurons?"
    failure = "descriptive: how many disjoint circuits there are; necessity fails where another is"
    searches = True

    def run(self, subject: Subject) -> Finding:
        subject.only_channels()
        found, best = [subject.circuit], math.inf
        while len(found) <= subject.config.rounds:
            tries = [_round(subject, found, heads) for heads in (False, True)]
            best = min(again.best_loss for again in tries)
            circuit = next((again.circuit for again in tries if again.circuit is not None), None)
            if circuit is None:
                break
            found.append(circuit)
        more = len(found) - 1
        sizes = ", ".join(str(subject.size(circuit)) for circuit in found[1:])
        stopped = more == subject.config.rounds
        ended = "and there it was stopped" if stopped else f"then none: best {best:.2f} nats"
        return self.found(
            None, value=float(more),
            detail=f"{more} more disjoint circuits" + (f" ({sizes} channels), " if more else ", ")
            + ended,
        )  # fmt: skip


def _round(subject: Subject, found: list[Circuit], heads: bool) -> Again:
    used = union([circuit.nodes for circuit in found])
    forbidden = {}
    for site in sites_of(subject.model.cfg):
        mask = used[site.name] if site.name.endswith(_COMPUTING) else used[site.name] & False
        if heads and len(site.shape) == 2:
            touched = mask.view(site.shape).any(1, keepdim=True)
            mask = touched.expand(site.shape).flatten()
        forbidden[site.name] = mask
    return subject.search_again(f"redundancy {len(found)} {heads}", forbidden=forbidden)
