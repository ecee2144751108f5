"""`netseams tasks`: what can be asked, and what a corpus holds of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.core import TaskError, UnknownNameError
from netseams.corpora import (
    AgreementConfig,
    AnyCorpusConfig,
    Corpus,
    DoubleAdditionConfig,
    SharedNodeConfig,
    SquaresConfig,
    StdlibConfig,
    StringOpsConfig,
    TextConfig,
    TinyPythonConfig,
    TwoCallsConfig,
    TwoOperationsConfig,
    TwoSlotsConfig,
    load_corpus,
)
from netseams.tasks import build_task, task_names

_CORPORA: dict[str, Callable[[], AnyCorpusConfig]] = {
    "tiny_python": TinyPythonConfig,
    "stdlib": StdlibConfig,
    "string_ops": StringOpsConfig,
    "two_slots": TwoSlotsConfig,
    "double_addition": DoubleAdditionConfig,
    "two_calls": TwoCallsConfig,
    "two_operations": TwoOperationsConfig,
    "squares": SquaresConfig,
    "shared_node": SharedNodeConfig,
    "agreement": AgreementConfig,
}


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_tasks, arguments, "tasks")


def _tasks(
    corpus: Annotated[str, tyro.conf.arg(metavar="NAME")] = "tiny_python",
    text: Path | None = None,
    length: int = 64,
) -> int:
    """List every task: its question, floor, and the examples that a corpus holds.

    Args:
        corpus: tiny_python, stdlib, or a generated language: string_ops, two_slots,
            double_addition, two_calls, two_operations, squares, shared_node, agreement.
        text: Your own file or folder of text, in place of the corpus.
        length: Positions of a prompt.
    """
    source = _open(corpus, text)
    table = Table(title=f"tasks on {source.name}, prompts of {length} tokens", show_edge=False)
    for column in ("task", "question", "floor", "found"):
        table.add_column(column, overflow="fold", justify="right" if column == "floor" else "left")
    for name in task_names(source, every=True):
        try:
            task = build_task(name, source, length)
        except TaskError as error:
            table.add_row(name, "", "", str(error).removeprefix(f"task {name}").lstrip(": "))
            continue
        found = "any number" if task.n_found is None else f"{task.n_found:,}"
        table.add_row(name, task.question, f"{task.floor_accuracy:.2f}", found)
    console().print(table)
    return 0


def _open(corpus: str, text: Path | None) -> Corpus:
    if text is not None:
        return load_corpus(TextConfig(path=text.resolve()))
    if corpus not in _CORPORA:
        raise UnknownNameError("corpus", corpus, _CORPORA)
    return load_corpus(_CORPORA[corpus]())
