"""Programs of the small language, compiled: three networks with attention, counts and tables."""

from collections.abc import Callable, Mapping
from operator import eq

import torch
from torch import Tensor

from netseams.circuits import Link
from netseams.interventions import AblationKind
from netseams.planted.base import (
    Planted,
    PlantedCorpus,
    Truth,
    links,
    one_circuit,
    pair_task,
)
from netseams.planted.compile import Compiled, compile_program
from netseams.planted.rasp import (
    Aggregate,
    Indices,
    Select,
    SequenceMap,
    Sequences,
    Tokens,
    Width,
    run,
)
from netseams.tasks import Task

_VOCAB = ("a", "b", "c")
_LONGEST = 5
Links = frozenset[Link]
Necessary = dict[AblationKind, Links]
Circuits = dict[AblationKind, tuple[Links, ...]]
Draw = Callable[[int, torch.Generator], Tensor]

LENGTH = Width(Select(Tokens(), Tokens(), lambda key, query: True))
REVERSE = Aggregate(
    Select(Indices(), SequenceMap(lambda n, i: n - 1 - i, LENGTH, Indices()), eq), Tokens()
)
"""The string backwards: at position i the token at length - 1 - i."""
HISTOGRAM = Width(Select(Tokens(), Tokens(), eq))
"""How many tokens of the string equal this one."""
RANK = Width(Select(Tokens(), Tokens(), lambda key, query: key < query))
SORT = Aggregate(Select(RANK, Indices(), eq), Tokens())
"""Different tokens in order: at position i the token that i others come before."""


def rasp_reverse() -> Planted:
    """Counts the tokens, takes index and count to the place from behind, fetches the token.

    As with tracr's own network: 2 links under `resample`, and fewer for the longest strings,
    whose length is what an empty count is taken for. Two MLPs do what tracr does in three.
    """
    every = links(
        "input -> a0.h0<qkv>", "a0.h0 -> m0", "input -> m0", "m0 -> m1", "input -> m1",
        "m1 -> a2.h0<q>", "input -> a2.h0<qkv>", "a2.h0 -> logits",
    )  # fmt: skip
    changed = links("input -> a2.h0<v>", "a2.h0 -> logits")
    zero = every - links("input -> a0.h0<qk>", "input -> a2.h0<q>", "input -> m0")
    mean = every - links("input -> a0.h0<k>", "input -> a2.h0<q>")
    longest_zero = zero - links("a0.h0 -> m0", "input -> a0.h0<v>")
    longest_mean = mean - links("input -> a0.h0<v>", "m0 -> m1")
    counting = links("input -> a0.h0<q>", "a0.h0 -> m0", "input -> m0")
    return _planted(
        "rasp_reverse", "length by attention and MLP, a table, a head", REVERSE, _VOCAB, every,
        {
            "rasp_reverse_4": (4, *_stated(zero, changed, mean, mean - links("input -> a0.h0<q>"))),
            "rasp_reverse_5": (
                5, *_stated(longest_zero, changed, longest_mean, longest_mean - counting)
            ),
        },
    )  # fmt: skip


def rasp_histogram() -> Planted:
    """Counts equal tokens."""
    every = links("input -> a0.h0<qkv>", "a0.h0 -> m0", "input -> m0", "m0 -> logits")
    bos = links("input -> m0")  # which keeps the MLP silent at BOS, where nobody asks
    zero, changed = every - bos, every - bos - links("input -> a0.h0<v>")
    return _planted(
        "rasp_histogram", "a head and an MLP count equal tokens", HISTOGRAM, _VOCAB, every,
        {"rasp_histogram": (_LONGEST, *_stated(zero, changed, every))},
    )  # fmt: skip


def rasp_sort() -> Planted:
    """Counts smaller tokens, then fetches the token of that rank.

    Under `zero` the MLP speaks at BOS if its input is gone, which matters only as long as
    others are heard: one link more is missed alone than the circuit has.
    """
    every = links(
        "input -> a0.h0<qkv>", "a0.h0 -> m0", "input -> m0", "m0 -> a1.h0<k>",
        "input -> a1.h0<qkv>", "a1.h0 -> logits",
    )  # fmt: skip
    zero = every - links("input -> a1.h0<k>")
    changed = zero - links("input -> a0.h0<v>", "input -> a1.h0<q>", "input -> m0")
    necessary, circuits = _stated(zero, changed, zero)
    circuits["zero"] = (zero - links("input -> m0"),)
    return _planted(
        "rasp_sort", "a count of smaller tokens, then a head", SORT, tuple("abcdef"), every,
        {"rasp_sort": (_LONGEST, necessary, circuits)},
    )  # fmt: skip


def _stated(
    zero: Links, resample: Links, mean: Links, mean_circuit: Links | None = None
) -> tuple[Necessary, Circuits]:
    """As `one_circuit`, but under `mean` the circuit may be smaller than what is missed alone."""
    necessary, circuits = one_circuit(zero, resample, mean)
    if mean_circuit is not None:
        circuits["mean"] = (mean_circuit,)
    return necessary, circuits


def _planted(
    name: str,
    about: str,
    program: Sequences,
    vocab: tuple[str, ...],
    structural: Links,
    stated: Mapping[str, tuple[int, Necessary, Circuits]],
) -> Planted:
    """`stated`: task -> length of its strings, necessary links, circuits."""
    compiled = compile_program(program, vocab, _LONGEST)
    draft, different = compiled.draft, program is SORT
    words = tuple(str(word) for word in compiled.words)
    corpus = PlantedCorpus(name, words, _strings(len(vocab), _LONGEST, different))
    tasks = tuple(
        _task(task, compiled, program, corpus, _strings(len(vocab), length, different))
        for task, (length, _, _) in stated.items()
    )
    truths = {
        task: Truth(necessary, circuits, structural, draft.nodes, frozenset(draft.weights))
        for task, (_, necessary, circuits) in stated.items()
    }
    return Planted(name, about, draft.model, corpus, tasks, truths)


def _strings(n_tokens: int, length: int, different: bool) -> Draw:
    """BOS and `length` tokens, all different or not."""

    def draw(size: int, draws: torch.Generator) -> Tensor:
        if different:
            tokens = torch.rand(size, n_tokens, generator=draws).argsort(1)[:, :length]
        else:
            tokens = torch.randint(0, n_tokens, (size, length), generator=draws)
        return torch.cat([torch.zeros(size, 1, dtype=torch.long), 1 + tokens], dim=1)

    return draw


def _task(
    name: str, compiled: Compiled, program: Sequences, corpus: PlantedCorpus, draw: Draw
) -> Task:
    words, answers = compiled.words, list(compiled.answers)

    def solve(x: Tensor) -> Tensor:
        rows = [run(program, [words[token] for token in row]) for row in x[:, 1:].tolist()]
        return torch.tensor([[answers.index(words.index(v)) for v in row] for row in rows])

    length = draw(1, torch.Generator()).shape[1] - 1
    return pair_task(
        name, corpus, f"what does the program say ({name})?", answers, list(range(1, length + 1)),
        lambda size, draws: (draw(size, draws), draw(size, draws)), solve,
    )  # fmt: skip
