"""Which quote closes the string? Contexts are cut from real files with Python's tokenizer."""

import tokenize
from collections.abc import Iterator

from netseams.corpora import DocumentCorpus
from netseams.corpora.documents import Document
from netseams.tasks.base import Task
from netseams.tasks.windows import Span, closing_task, python_tokens


def quote_close(corpus: DocumentCorpus, n_ctx: int) -> Task:
    """`'` or `"`? Strings that are empty, triple-quoted, formatted, or hold a quote are left out.

    So are windows with a further quote: files keep to one kind, so earlier quotes would give
    the answer away, and a swapped opening quote would stand out.

    Raises:
        TaskError: too few strings in the corpus's held-out files.
    """
    return closing_task(
        "quote_close",
        "which quote closes the string, ' or \"?",
        corpus,
        n_ctx,
        {"'": "'", '"': '"'},
        _strings,
        alone=True,
    )


def _strings(document: Document) -> Iterator[Span]:
    for kind, text, start in python_tokens(document.text) or ():
        if kind != tokenize.STRING:
            continue
        prefix = len(text) - len(text.lstrip("rRbBuU"))
        body = text[prefix:]
        mark = body[0]
        inside = body[1:-1]
        if mark in "'\"" and inside and "'" not in inside and '"' not in inside:
            yield Span(start + prefix, start + len(text) - 1, mark)
