"""Forbid what was found and search again, until nothing is found."""

import torch

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check
from netseams.audit.subject import Subject
from netseams.masks import union

_COMPUTING = ("hook_q", "hook_k", "hook_v", "hook_post")


@CHECKS.register("redundancy")
class Redundancy(Check):
    """How many circuits without a head channel or neuron in common do the task. What reads and
    writes the residual stream is shared by all that work in parallel, and stays open."""

    name = "redundancy"
    question = "is there another circuit without any of its head channels and neurons?"
    failure = "descriptive: how many disjoint circuits there are; necessity fails where another is"
    searches = True

    def run(self, subject: Subject) -> Finding:
        subject.only_channels()
        found = [subject.circuit]
        best = float("nan")
        for number in range(subject.config.rounds):
            used = union([circuit.nodes for circuit in found])
            forbidden = {
                site: mask if site.endswith(_COMPUTING) else torch.zeros_like(mask)
                for site, mask in used.items()
            }
            again = subject.search_again(f"redundancy {number}", forbidden=forbidden)
            best = again.best_loss
            if again.circuit is None:
                break
            found.append(again.circuit)
        more = len(found) - 1
        sizes = ", ".join(str(subject.size(circuit)) for circuit in found[1:])
        ended = (
            f"then none: best {best:.2f} nats" if more < subject.config.rounds
            else "and the search was stopped there"
        )  # fmt: skip
        return self.found(
            None, value=float(more),
            detail=f"{more} more disjoint circuits" + (f" ({sizes} channels), " if more else ", ")
            + ended,
        )  # fmt: skip
