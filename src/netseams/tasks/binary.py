"""Tasks of one's own: pairs of texts, each with its answer."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import torch

from netseams.core import TaskError, generator
from netseams.corpora import Corpus, DocumentCorpus
from netseams.corpora.base import Split
from netseams.tasks.base import SPLIT_SIZES, Task, TaskSplit
from netseams.tasks.cutting import task_of
from netseams.tasks.pairs import EncodedText, Pair, joined

P = TypeVar("P")
TextPair = tuple[str, str, str, str]
"""Two texts, and how each goes on."""
FEWEST = 16
"""Different pairs that a task needs: half train masks, a quarter selects, a quarter is reported."""


def binary_task(
    name: str, corpus: Corpus, pairs: Iterable[TextPair], n_ctx: int, question: str = ""
) -> Task:
    """A task of pairs `(text_a, text_b, answer_a, answer_b)`.

    Every text is a document of its own that breaks off where the answer is due; real documents of
    the corpus's held-out splits stand before it, so that all prompts have `n_ctx` tokens. A pair
    serves one split. Where there are fewer pairs than a split has places, each comes several
    times, behind other documents, with either member as the clean one.

    Raises:
        TaskError: fewer than 16 different pairs, two equal texts, one class only, answers that
            begin with the same token or inside one, texts longer than `n_ctx`, or a corpus that
            is not of text.
    """
    if not isinstance(corpus, DocumentCorpus):
        raise TaskError(f"task {name} needs a corpus of text, not {corpus.name}")
    different = distinct(name, pairs)
    shares = shares_of(name, different)
    chosen: dict[TaskSplit, list[Pair]] = {
        split: _filled(name, corpus, shares[split], split, n_ctx) for split in SPLIT_SIZES
    }
    return task_of(name, question or name, corpus.name, chosen, len(different))


def distinct(name: str, pairs: Iterable[TextPair]) -> list[TextPair]:
    """Every pair once.

    Raises:
        TaskError: fewer than 16.
    """
    different = list(dict.fromkeys(pairs))
    if len(different) < FEWEST:
        raise TaskError(
            f"task {name}: {len(different)} different pairs, needs {FEWEST}; "
            "write more pairs or longer lists of words"
        )
    return different


def shares_of(name: str, pairs: list[P]) -> dict[TaskSplit, list[P]]:
    """In an order drawn by the name: half train masks, a quarter selects, a quarter is reported."""
    order = torch.randperm(len(pairs), generator=generator("pairs", name)).tolist()
    return {
        "mask_train": [pairs[i] for i in order[0::2]],
        "select": [pairs[i] for i in order[1::4]],
        "report": [pairs[i] for i in order[3::4]],
    }


def check_texts(name: str, texts: TextPair) -> None:
    """Confirm that a pair has two texts and two answers.

    Raises:
        TaskError: it has not.
    """
    text_a, text_b, answer_a, answer_b = texts
    if text_a == text_b:
        raise TaskError(f"task {name}: a pair has two equal texts, {text_a[-40:]!r}")
    if not answer_a or answer_a == answer_b:
        raise TaskError(f"task {name}: one class only, both answers are {answer_a!r}")


def _filled(
    name: str, corpus: DocumentCorpus, texts: list[TextPair], split: TaskSplit, n_ctx: int
) -> list[Pair]:
    """A split's pairs, in turn, each behind other documents."""
    pairs: list[Pair] = []
    for number, left in enumerate(_left(corpus, split, n_ctx)):
        pair = _pair(name, corpus, texts[number % len(texts)], left, n_ctx)
        pairs.append(pair.turned() if number // len(texts) % 2 else pair)
    draws = generator("task", name, split)
    return [pairs[i] for i in torch.randperm(len(pairs), generator=draws)]


def _left(corpus: DocumentCorpus, split: TaskSplit, n_ctx: int) -> list[list[int]]:
    """`n_ctx` tokens for every prompt, the last one `END`, from anywhere in held-out documents.

    They end where a document ends; in a corpus of few documents, at any token.
    """
    source: Split = "test" if split == "report" else "valid"
    tokens = np.asarray(corpus.tokens(source))
    ends = np.flatnonzero(tokens == corpus.end)
    if split != "report":
        # Three quarters of validation text stand before pairs that train masks.
        cut = ends[np.searchsorted(ends, 3 * len(tokens) // 4)] + 1
        cut = cut if cut < len(tokens) - n_ctx else 3 * len(tokens) // 4
        tokens = tokens[:cut] if split == "mask_train" else tokens[cut:]
        ends = np.flatnonzero(tokens == corpus.end)
    stops = ends[ends >= n_ctx - 1]
    if len(stops) < SPLIT_SIZES[split]:
        stops = np.arange(n_ctx - 1, len(tokens))
    if len(stops) < SPLIT_SIZES[split]:
        raise TaskError(
            f"the {source} split of corpus {corpus.name} has {len(tokens)} tokens to stand "
            f"before prompts of {n_ctx}, too few for {SPLIT_SIZES[split]}; use a larger corpus"
        )
    picks = torch.randperm(len(stops), generator=generator("left", split))[: SPLIT_SIZES[split]]
    return [[*tokens[stop - n_ctx + 1 : stop].tolist(), corpus.end] for stop in stops[picks]]


def _pair(name: str, corpus: DocumentCorpus, texts: TextPair, left: list[int], n_ctx: int) -> Pair:
    check_texts(name, texts)
    text_a, text_b, answer_a, answer_b = texts
    a, b = EncodedText(corpus, text_a + answer_a), EncodedText(corpus, text_b + answer_b)
    i, j = a.index(len(text_a)), b.index(len(text_b))
    if i is None or j is None:
        text, answer = (text_a, answer_a) if i is None else (text_b, answer_b)
        raise TaskError(
            f"task {name}: the answer {answer!r} begins inside a token after {text[-20:]!r}; "
            "move a space from the end of the text to the answer"
        )
    if a.ids[i] == b.ids[j]:
        raise TaskError(
            f"task {name}: the answers {answer_a!r} and {answer_b!r} begin with the same token "
            f"{corpus.text_of(a.ids[i])!r}; move what they share into the texts"
        )
    pair = joined(left, a.ids, i, b.ids, j, n_ctx)
    if pair is None:
        raise TaskError(
            f"task {name}: the place where a pair differs lies more than n_ctx={n_ctx} tokens "
            f"before its answer, in {text_a[-40:]!r}"
        )
    return pair
