"""Corpus -> its tasks, cut once and cached."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from netseams.core import FileFormatError, Registry, TaskError
from netseams.corpora import Corpus, DocumentCorpus, TinyPython
from netseams.store import cache_folder, load_tensors, save_tensors
from netseams.tasks.agreement import AGREEMENT_TASKS, agreement_task
from netseams.tasks.arithmetic import ARITHMETIC_TASKS, arithmetic_task
from netseams.tasks.base import SPLIT_SIZES, Examples, Task, TaskSplit
from netseams.tasks.bracket_close import bracket_close
from netseams.tasks.quote_close import quote_close
from netseams.tasks.string_operation import (
    OPERATIONS,
    TWO_SLOT_TASKS,
    string_operation,
    two_slot_operation,
)
from netseams.tasks.task_file import load_task_file
from netseams.tasks.twenty import TWENTY

TextBuilder = Callable[[DocumentCorpus, int], Task]

_text_tasks: Registry[TextBuilder] = Registry("task")
_text_tasks.register("quote_close")(quote_close)
_text_tasks.register("bracket_close")(bracket_close)
_CLOSING = list(_text_tasks)
for _name, _task in TWENTY.items():
    _text_tasks.register(_name)(partial(_task.build, _name))

Builder = Callable[[str, Any, int], Task]
_GENERATED: dict[str, tuple[tuple[str, ...], Builder]] = {
    "string_ops": (OPERATIONS, lambda name, corpus, _: string_operation(name, corpus)),
    "two_slots": (TWO_SLOT_TASKS, lambda name, corpus, _: two_slot_operation(name, corpus)),
    "agreement": (AGREEMENT_TASKS, agreement_task),
    **{
        home: (names, lambda name, corpus, _: arithmetic_task(name, corpus))
        for home, names in ARITHMETIC_TASKS.items()
    },
}
"""Generated corpora: their tasks, and what builds one for `n_ctx` positions."""

_CACHE_VERSION = 2
"""Raise it when the way tasks are cut changes."""


def task_names(corpus: Corpus, every: bool = False) -> list[str]:
    """The tasks that are asked of a corpus of this kind by default.

    Args:
        every: all that can be tried; on real text also the twenty of arXiv 2511.13653.
    """
    if corpus.name in _GENERATED:
        return list(_GENERATED[corpus.name][0])
    if every:
        return list(_text_tasks)
    return list(TWENTY) if isinstance(corpus, TinyPython) else _CLOSING.copy()


def build_task(name: str, corpus: Corpus, n_ctx: int) -> Task:
    """Cut a task out of a corpus, with windows of `n_ctx` positions for text.

    Args:
        name: a task's name, or the path of a task file (`.yaml`, `.yml`).

    Raises:
        UnknownNameError: no such task.
        TaskError: the corpus does not hold enough examples, or is of the wrong kind.
        FileFormatError: the task file is missing or invalid.
    """
    if name.endswith((".yaml", ".yml")):
        return load_task_file(Path(name), corpus, n_ctx)
    for home, (names, _) in _GENERATED.items():
        if name in names and home != corpus.name:
            raise TaskError(f"task {name} needs the corpus {home}, not {corpus.name}")
    if corpus.name in _GENERATED:
        return _GENERATED[corpus.name][1](name, corpus, n_ctx)
    if not isinstance(corpus, DocumentCorpus):
        raise TaskError(f"task {name} needs a corpus of documents, not {corpus.name}")
    key = f"{corpus.fingerprint}-{name}-{n_ctx}-v{_CACHE_VERSION}.safetensors"
    path = cache_folder() / "tasks" / key
    if path.exists():
        try:
            return _read(path)
        except (FileFormatError, KeyError, TypeError, ValueError):
            path.unlink(missing_ok=True)  # a damaged cache entry is made again
    task = _text_tasks[name](corpus, n_ctx)
    _write(path, task)
    return task


_FIELDS = ("clean", "corrupt", "clean_targets", "corrupt_targets")
_FACTS = ("name", "corpus", "question", "scores_both", "floor_accuracy", "floor_loss", "n_found")


def _write(path: Path, task: Task) -> None:
    tensors = {"candidates": task.candidates, "answers": task.answers}
    for split, examples in task.splits.items():
        tensors |= {f"{split}.{field}": getattr(examples, field) for field in _FIELDS}
    facts = {fact: getattr(task, fact) for fact in _FACTS}
    save_tensors(path, tensors, {"facts": json.dumps(facts)})


def _read(path: Path) -> Task:
    tensors, header = load_tensors(path)
    splits: dict[TaskSplit, Examples] = {
        split: Examples(**{field: tensors[f"{split}.{field}"] for field in _FIELDS})
        for split in SPLIT_SIZES
    }
    return Task(
        candidates=tensors["candidates"],
        answers=tensors["answers"],
        splits=splits,
        **json.loads(header["facts"]),
    )
