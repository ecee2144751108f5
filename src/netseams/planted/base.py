"""What a planted network is: a model, what it is asked, and how it is known to answer.

Which links are true depends on what stands in for a removed one, on the pairs and on the length
of the input, so the truth is stated per ablation. Conventions of a link's removal: its target
reads, in place of the source's output, that of the pair's other input (`resample`), zero
(`zero`), or the mean of the source's output over positions and sequences of the corpus (`mean`);
all other targets read what they read before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from netseams.circuits import Link
from netseams.core import generator
from netseams.corpora import Batch
from netseams.corpora.base import IGNORED, Split
from netseams.interventions import ABLATIONS, AblationKind
from netseams.models import Transformer, TransformerConfig, sites_of
from netseams.tasks import Examples, Task, TaskSplit, blind_floor

TOLERANCE = 0.1
"""Nats. A part counts where, without it, the answer of some input costs so much more."""

WeightEdge = tuple[str, int, int]
"""(matrix, target channel, source channel)."""

_SIZES: dict[TaskSplit, int] = {"mask_train": 256, "select": 128, "report": 128}


@dataclass(frozen=True)
class Truth:
    """What does a task.

    Nodes and weights are those that were set for it: nothing else takes part. Not every one of
    them need be missed when it is gone, see `needed_nodes` and `needed_weights`.
    """

    necessary: Mapping[AblationKind, frozenset[Link]]
    """Links whose removal alone costs more than `TOLERANCE`."""
    circuits: Mapping[AblationKind, tuple[frozenset[Link], ...]]
    """The sets of links that do the task when all others are removed, and of which no link can
    be spared: all that there are, as far as was searched (docs/planted.md)."""
    structural: frozenset[Link]
    """Links of non-zero weight on a path from the input to the logits; holds all of the above."""
    nodes: Mapping[str, frozenset[int]]
    """Site -> channels; a site of heads is flattened (head, then channel)."""
    weights: frozenset[WeightEdge]


@dataclass(frozen=True)
class Planted:
    """A network whose circuits are known."""

    name: str
    about: str
    """In one line, how it answers."""
    model: Transformer
    corpus: "PlantedCorpus"
    tasks: tuple[Task, ...]
    truths: Mapping[str, Truth]
    """By the task's name."""


class PlantedCorpus:
    """Sequences of one length over a few named tokens; there is nothing to predict in them.

    Args:
        draw: (size, draws) -> token ids (size, length).
    """

    def __init__(
        self,
        name: str,
        texts: tuple[str, ...],
        draw: Callable[[int, torch.Generator], Int[Tensor, "size length"]],
    ) -> None:
        self.name, self.texts, self.draw = name, texts, draw
        self.d_vocab = len(texts)

    def batch(self, split: Split, size: int, length: int, draws: torch.Generator) -> Batch:
        """The same language in every split; `length` is the language's own."""
        inputs = self.draw(size, draws)
        return Batch(inputs, torch.full_like(inputs, IGNORED))

    def text_of(self, token: int) -> str:
        return self.texts[token]

    def summary(self) -> dict[str, str | int]:
        return {"name": self.name, "d_vocab": self.d_vocab}


def pair_task(
    name: str,
    corpus: PlantedCorpus,
    question: str,
    candidates: list[int],
    answers: list[int],
    draw: Callable[[int, torch.Generator], tuple[Tensor, Tensor]],
    solve: Callable[[Int[Tensor, "N T"]], Int[Tensor, "N P"]],
) -> Task:
    """A task on pairs from `draw`, answered by `solve`; both inputs of a pair count.

    Args:
        solve: inputs -> indices of the right candidates at the `answers` positions.
    """
    splits: dict[TaskSplit, Examples] = {}
    for split, size in _SIZES.items():
        clean, corrupt = draw(size, generator("planted", name, split))
        splits[split] = Examples(clean, corrupt, solve(clean), solve(corrupt))
    floor_accuracy, floor_loss = blind_floor(splits["report"])
    return Task(
        name=name,
        corpus=corpus.name,
        question=question,
        candidates=torch.tensor(candidates),
        answers=torch.tensor(answers),
        splits=splits,
        scores_both=True,
        floor_accuracy=floor_accuracy,
        floor_loss=floor_loss,
    )


def links(*texts: str) -> frozenset[Link]:
    """Links written as `"input -> a0.h1<qkv>"`, several letters meaning a link each."""
    found: set[Link] = set()
    for text in texts:
        source, target = text.split(" -> ")
        head, _, letters = target.removesuffix(">").partition("<")
        found |= {(source, f"{head}<{letter}>" if letter else head) for letter in letters or [""]}
    return frozenset(found)


def one_circuit(
    zero: frozenset[Link], resample: frozenset[Link], mean: frozenset[Link] | None = None
) -> tuple[dict[AblationKind, frozenset[Link]], dict[AblationKind, tuple[frozenset[Link], ...]]]:
    """`necessary` and `circuits` where all necessary links together are the only circuit.

    Without `mean`, that of `zero` holds.
    """
    by_kind = dict(zip(ABLATIONS, (zero if mean is None else mean, zero, resample), strict=True))
    return by_kind, {kind: (found,) for kind, found in by_kind.items()}


def every_site(cfg: TransformerConfig, nodes: Mapping[str, set[int]]) -> dict[str, frozenset[int]]:
    """Sites that were not named hold nothing."""
    return {site.name: frozenset(nodes.get(site.name, ())) for site in sites_of(cfg)}
