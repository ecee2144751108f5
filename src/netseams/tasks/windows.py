"""Shared by tasks on text: windows that end where an answer is due."""

import io
import math
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from netseams.core import generator
from netseams.corpora import DocumentCorpus
from netseams.corpora.base import Split
from netseams.corpora.documents import Document
from netseams.tasks.base import Examples, Task, TaskSplit, enough

_PER_DOCUMENT = 32
# Masks are trained and selected on validation files, results are reported on test files.
_SOURCES: dict[TaskSplit, Split] = {"mask_train": "valid", "select": "valid", "report": "test"}


@dataclass(frozen=True)
class Span:
    """Character offsets of an opening mark and of the mark that closes it."""

    open: int
    close: int
    mark: str
    """The opening mark: a quote or a bracket."""


Spans = Callable[[Document], Iterator[Span]]


def closing_task(
    name: str,
    question: str,
    corpus: DocumentCorpus,
    n_ctx: int,
    closers: dict[str, str],
    spans: Spans,
    alone: bool = False,
) -> Task:
    """A task `which mark closes this?`: the corrupt input has another opening mark.

    Both inputs of a pair end at the same token, so a predictor that cannot see the opening
    mark is right on at most one of the two: the floor is 1/2, its loss ln 2.

    Args:
        closers: opening mark -> closing mark; every kind is equally frequent.
        alone: take only windows in which the opening mark is the only one of its kinds, so that
            the corrupt input is as natural as the clean one and habit cannot give the answer.
    """
    found = {
        split: _windows(corpus, split, n_ctx, closers, spans, alone) for split in ("valid", "test")
    }
    order = list(closers)
    splits: dict[TaskSplit, Examples] = {}
    for split, source in _SOURCES.items():
        # Validation documents are halved, so that no file serves two splits.
        side = {"mask_train": 0, "select": 1, "report": None}[split]
        kinds = {
            mark: [w for half, w in found[source][mark] if side is None or half == side]
            for mark in order
        }
        splits[split] = _balanced(name, split, kinds, closers, corpus)
    return Task(
        name=name,
        corpus=corpus.name,
        question=question,
        candidates=torch.tensor([corpus.token_of(closers[mark]) for mark in order]),
        answers=torch.tensor([n_ctx - 1]),
        splits=splits,
        scores_both=True,
        floor_accuracy=0.5,
        floor_loss=math.log(2),
        n_found=sum(len(windows) for kinds in found.values() for windows in kinds.values()),
    )


def python_tokens(text: str) -> list[tuple[int, str, int]] | None:
    """(kind, string, character offset) of Python tokens; None where it is not Python."""
    starts = [0]
    for line in io.StringIO(text):  # line ends as the tokenizer sees them
        starts.append(starts[-1] + len(line))
    tokens: list[tuple[int, str, int]] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.ERRORTOKEN and not token.string.isspace():
                return None
            row, column = token.start
            if row <= len(starts):
                tokens.append((token.type, token.string, starts[row - 1] + column))
    except (tokenize.TokenError, SyntaxError):  # IndentationError is a SyntaxError
        return None
    return tokens


Window = tuple[list[int], int]
"""Token ids of a window, and the index of the opening mark in it."""


def _windows(
    corpus: DocumentCorpus,
    split: Split,
    n_ctx: int,
    closers: dict[str, str],
    spans: Spans,
    alone: bool,
) -> dict[str, list[tuple[int, Window]]]:
    kinds: dict[str, list[tuple[int, Window]]] = {mark: [] for mark in closers}
    marks = {corpus.token_of(mark) for mark in closers}
    for number, document in enumerate(corpus.documents(split)):
        encoding = corpus.tokenizer.encode(document.text)
        at = {start: i for i, (start, _) in enumerate(encoding.offsets)}
        here: dict[str, list[Window]] = {mark: [] for mark in closers}
        for span in spans(document):
            first, last = at.get(span.open), at.get(span.close)
            if first is None or last is None or last < n_ctx or last - first >= n_ctx:
                continue
            window = encoding.ids[last - n_ctx : last]
            if alone and sum(token in marks for token in window) > 1:
                continue
            here[span.mark].append((window, n_ctx - (last - first)))
        for mark, windows in here.items():
            picks = torch.randperm(len(windows), generator=generator("pick", document.name, mark))
            kinds[mark] += [(number % 2, windows[i]) for i in picks[:_PER_DOCUMENT].tolist()]
    return kinds


def _balanced(
    name: str,
    split: TaskSplit,
    kinds: dict[str, list[Window]],
    closers: dict[str, str],
    corpus: DocumentCorpus,
) -> Examples:
    """Equally many of every kind, shuffled, each with another opening mark as its corrupt twin."""
    marks = list(closers)
    found = min(len(windows) for windows in kinds.values())
    counts = ", ".join(f"{len(windows)} of {mark}" for mark, windows in kinds.items())
    needed = enough(name, split, len(marks) * found, f" (equally many of every kind; {counts})")
    draws = generator("task", name, split)
    clean: list[list[int]] = []
    corrupt: list[list[int]] = []
    targets: list[tuple[int, int]] = []
    per_kind = -(-needed // len(marks))
    for kind, mark in enumerate(marks):
        order = torch.randperm(len(kinds[mark]), generator=draws)[:per_kind].tolist()
        for i in order:
            window, opening = kinds[mark][i]
            step = int(torch.randint(1, len(marks), (1,), generator=draws))
            other = (kind + step) % len(marks)
            swapped = list(window)
            swapped[opening] = corpus.token_of(marks[other])
            clean.append(window)
            corrupt.append(swapped)
            targets.append((kind, other))
    order = torch.randperm(len(clean), generator=draws)[:needed]
    both = torch.tensor(targets)[order]
    return Examples(
        clean=torch.tensor(clean)[order],
        corrupt=torch.tensor(corrupt)[order],
        clean_targets=both[:, :1],
        corrupt_targets=both[:, 1:],
    )
