"""Tasks of the arithmetic languages: one for every call site, and one for every operation."""

from netseams.core import UnknownNameError
from netseams.corpora import Arithmetic, TwoCalls
from netseams.corpora.two_calls import FUNCTIONS
from netseams.tasks.base import Task
from netseams.tasks.contrast import operands_task, operation_task

_OPERANDS: dict[str, tuple[tuple[int, ...], int, str]] = {
    "add_first": ((0, 1), 0, "the sum of the first two numbers"),
    "add_second": ((2, 3), 1, "the sum of the last two numbers"),
    "difference_of_squares": ((0, 1), 0, "a squared minus b squared"),
}
"""Task -> the operands that decide, which answer is asked for, and its name."""
ARITHMETIC_TASKS: dict[str, tuple[str, ...]] = {
    "double_addition": ("add_first", "add_second"),
    "squares": ("difference_of_squares",),
    "two_calls": tuple(f"{site}_{f}" for site in ("first", "second") for f in FUNCTIONS),
    "two_operations": ("add", "multiply", "max"),
    "shared_node": ("with_first", "with_second"),
}
"""Corpus -> its tasks."""


def arithmetic_task(name: str, corpus: Arithmetic) -> Task:
    """A task by name: operands differ where the corpus has one operation, else the operation.

    Raises:
        UnknownNameError: no such task of this corpus.
    """
    known = ARITHMETIC_TASKS[corpus.name]
    if name not in known:
        raise UnknownNameError("task", name, known)
    if isinstance(corpus, TwoCalls):
        return _call_task(name, corpus)
    if name in _OPERANDS:
        operands, answer, words = _OPERANDS[name]
        return operands_task(name, f"{words}, modulo {corpus.modulus}", corpus, operands, answer)
    return operation_task(
        name, f"apply {name} to the numbers", corpus, corpus.operands, corpus.modulus, [name],
        lambda asked: [other for other in corpus.operations if other != asked],
    )  # fmt: skip


def _call_task(name: str, corpus: TwoCalls) -> Task:
    """One function at one call site; the other site does whatever it does."""
    site, function = name.split("_")
    place = ("first", "second").index(site)

    def rivals(asked: str) -> list[str]:
        theirs = asked.split()[1 - place]
        return [o for o in corpus.operations if o != asked and o.split()[1 - place] == theirs]

    clean = [o for o in corpus.operations if o.split()[place] == function]
    return operation_task(
        name, f"apply {function} to the {site} two numbers", corpus, corpus.operands,
        corpus.modulus, clean, rivals, place,
    )  # fmt: skip
