"""Documents -> a task: pairs found in held-out documents, balanced and split."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import torch

from netseams.core import generator
from netseams.corpora import DocumentCorpus
from netseams.corpora.documents import Document
from netseams.tasks.base import SPLIT_SIZES, Examples, Task, TaskSplit, enough
from netseams.tasks.floors import blind_floor
from netseams.tasks.pairs import Before, EncodedText, Pair, pair_at
from netseams.tasks.places import Finder, read_source

_PER_DOCUMENT = 48
_SURPLUS = 1
"""Searching stops at so many times the pairs that a split needs."""

Answers = tuple[int, int]
Kinds = tuple[list[Pair], list[Pair]]


def cut_task(
    name: str,
    question: str,
    corpus: DocumentCorpus,
    n_ctx: int,
    find: Finder,
    hint: str = "",
    answers_vary: bool = False,
) -> Task:
    """Cut a task out of a corpus's held-out documents.

    A clean input is what a document says, its twin has one edit; where the corpus has too few
    places of one kind, twins of the other kind stand as clean inputs. No document serves two
    splits, nor fills prompts of two splits.

    Args:
        hint: regular expression; documents without it are not read.
        answers_vary: the answers are names; else two tokens, the two most frequent ones.

    Raises:
        TaskError: too few such places.
    """
    found: dict[TaskSplit, _Found] = {
        split: _Found(answers_vary, _SURPLUS * SPLIT_SIZES[split]) for split in SPLIT_SIZES
    }
    seen: set[tuple[int, ...]] = set()
    before = {split: Before(corpus, n_ctx) for split in SPLIT_SIZES}
    for split, document in _held_out(corpus, lambda split: found[split].is_full(found)):
        if re.search(hint, document.text):
            for kind, pair in _pairs(document, corpus, find, before[split], n_ctx):
                if seen.isdisjoint((pair.a, pair.b)):
                    seen |= {pair.a, pair.b}
                    found[split].add(kind, pair)
        before[split].add(document.text)
    key = _most_frequent(found)
    chosen: dict[TaskSplit, list[Pair]] = {
        split: _drawn(name, split, found[split].of(key), answers_vary) for split in SPLIT_SIZES
    }
    n_found = sum(len(pairs) for split in found for pairs in found[split].of(key))
    return task_of(name, question, corpus.name, chosen, n_found)


def task_of(
    name: str,
    question: str,
    corpus: str,
    pairs: dict[TaskSplit, list[Pair]],
    n_found: int,
    answer: int = -1,
) -> Task:
    """A task of pairs whose inputs both count; candidates are all answers that occur.

    Args:
        answer: position whose logits answer, from the end where negative.
    """
    every = [pair for split in SPLIT_SIZES for pair in pairs[split]]
    candidates = sorted({token for pair in every for token in (pair.answer_a, pair.answer_b)})
    at = {token: i for i, token in enumerate(candidates)}
    splits: dict[TaskSplit, Examples] = {
        split: Examples(
            clean=torch.tensor([pair.a for pair in pairs[split]]),
            corrupt=torch.tensor([pair.b for pair in pairs[split]]),
            clean_targets=torch.tensor([[at[pair.answer_a]] for pair in pairs[split]]),
            corrupt_targets=torch.tensor([[at[pair.answer_b]] for pair in pairs[split]]),
        )
        for split in SPLIT_SIZES
    }
    accuracy, loss = blind_floor(splits["report"])
    return Task(
        name=name,
        corpus=corpus,
        question=question,
        candidates=torch.tensor(candidates),
        answers=torch.tensor([range(splits["report"].clean.shape[1])[answer]]),
        splits=splits,
        scores_both=True,
        floor_accuracy=accuracy,
        floor_loss=loss,
        n_found=n_found,
    )


class _Found:
    """Pairs of one split by their two answers (those of kinds 0 and 1) and by kind."""

    def __init__(self, answers_vary: bool, wanted: int) -> None:
        self.answers_vary = answers_vary
        self.wanted = wanted
        self._pairs: defaultdict[Answers, Kinds] = defaultdict(lambda: ([], []))

    def add(self, kind: int, pair: Pair) -> None:
        key = (0, 0)
        if not self.answers_vary:
            first, second = pair.answer_a, pair.answer_b
            key = (first, second) if kind == 0 else (second, first)
        self._pairs[key][kind].append(pair)

    def of(self, key: Answers) -> Kinds:
        return self._pairs[key]

    def counts(self) -> Counter[Answers]:
        return Counter({key: len(a) + len(b) for key, (a, b) in self._pairs.items()})

    def is_full(self, found: "dict[TaskSplit, _Found]") -> bool:
        """Whether the most frequent answers have as many pairs as are wanted of every kind."""
        a, b = self._pairs[_most_frequent(found)]
        least = len(a) if self.answers_vary else 2 * min(len(a), len(b))
        return least >= self.wanted or len(a) + len(b) >= 3 * self.wanted


def _most_frequent(found: dict[TaskSplit, _Found]) -> Answers:
    total: Counter[Answers] = Counter()
    for split in SPLIT_SIZES:
        total += found[split].counts()
    return max(total, key=lambda key: (total[key], key)) if total else (0, 0)


def _held_out(
    corpus: DocumentCorpus, is_full: Callable[[TaskSplit], bool]
) -> Iterator[tuple[TaskSplit, Document]]:
    """Documents for splits that are not full yet.

    Masks are trained and selected on validation documents, results are reported on test ones.
    """
    for number, document in enumerate(corpus.documents("valid")):
        split: TaskSplit = "select" if number % 4 == 3 else "mask_train"
        if not is_full(split):
            yield split, document
        elif is_full("mask_train") and is_full("select"):
            break
    for document in corpus.documents("test"):
        if is_full("report"):
            return
        yield "report", document


def _pairs(
    document: Document, corpus: DocumentCorpus, find: Finder, before: Before, n_ctx: int
) -> Iterator[tuple[int, Pair]]:
    """Up to `_PER_DOCUMENT` pairs of a document, drawn from all of its places."""
    source = read_source(document)
    places = [] if source is None else list(find(source))
    if not places:
        return
    encoded = EncodedText(corpus, document.text)
    order = torch.randperm(len(places), generator=generator("places", document.name)).tolist()
    taken = 0
    for place in (places[i] for i in order):
        pair = pair_at(encoded, place, before, n_ctx)
        if pair is not None:
            yield place.kind, pair
            taken += 1
        if taken == _PER_DOCUMENT:
            return


def _drawn(name: str, split: TaskSplit, kinds: Kinds, answers_vary: bool) -> list[Pair]:
    """As many pairs as the split needs, shuffled; where there are two kinds, half of each."""
    counts = "" if answers_vary else f" ({len(kinds[0])} and {len(kinds[1])} of its two kinds)"
    needed = enough(name, split, sum(map(len, kinds)), counts)
    draws = generator("task", name, split)
    own = [[pairs[i] for i in torch.randperm(len(pairs), generator=draws)] for pairs in kinds]
    if answers_vary:
        return own[0][:needed]
    half = needed // 2
    pairs: list[Pair] = []
    for kind in (0, 1):
        spare = [pair.turned() for pair in own[1 - kind][half:]]
        pairs += [*own[kind][:half], *spare][:half]
    return [pairs[i] for i in torch.randperm(len(pairs), generator=draws)]
