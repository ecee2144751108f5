"""Which bracket closes? The innermost open bracket decides."""

import tokenize
from collections.abc import Iterator

from netseams.corpora import DocumentCorpus
from netseams.corpora.documents import Document
from netseams.tasks.base import Task
from netseams.tasks.windows import Span, closing_task, python_tokens

_PAIRS = {"(": ")", "[": "]", "{": "}"}


def bracket_close(corpus: DocumentCorpus, n_ctx: int) -> Task:
    """`)` or `]`? Braces (a tenth as frequent in real code) and empty brackets are left out.

    Raises:
        TaskError: too few brackets of some kind in the corpus's held-out files.
    """
    return closing_task(
        "bracket_close",
        "which bracket closes, ) or ]?",
        corpus,
        n_ctx,
        {"(": ")", "[": "]"},
        _brackets,
    )


def _brackets(document: Document) -> Iterator[Span]:
    stack: list[tuple[str, int]] = []
    for mark, at in _marks(document):
        if mark in _PAIRS:
            stack.append((mark, at))
            continue
        if not stack or _PAIRS[stack[-1][0]] != mark:
            stack.clear()  # unbalanced, as in prose: start afresh
            continue
        opening, start = stack.pop()
        if at > start + 1 and opening != "{":
            yield Span(start, at, opening)


def _marks(document: Document) -> Iterator[tuple[str, int]]:
    """Brackets of the code, without those in strings and comments; in other text, all."""
    every = {*_PAIRS, *_PAIRS.values()}
    tokens = python_tokens(document.text)
    if tokens is None:
        yield from ((c, i) for i, c in enumerate(document.text) if c in every)
        return
    yield from ((text, at) for kind, text, at in tokens if kind == tokenize.OP and text in every)
