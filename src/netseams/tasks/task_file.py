"""Tasks written as YAML files."""

import itertools
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, StringConstraints, ValidationError

from netseams.core import Config, FileFormatError, TaskError, seed_from
from netseams.corpora import Corpus
from netseams.tasks.base import Task
from netseams.tasks.binary import TextPair, binary_task

_MOST = 512
"""Pairs that are made of a template; more are drawn from."""

Words = Annotated[list[str], Field(min_length=1)]


class TaskFile(Config):
    """A task of two answers: explicit pairs, or a template and lists of words.

    A slot is a word in braces, `{name}`. Slots of `slots` get the same word in both members of a
    pair; those of `class_a` and `class_b` get words of their own class.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    question: str = ""
    answers: list[str]
    """How texts of class a go on, and those of class b."""
    pairs: list[list[str]] | None = None
    """Texts of class a and class b that differ in one place."""
    template: str | None = None
    slots: dict[str, Words] = Field(default_factory=dict)
    class_a: dict[str, Words] = Field(default_factory=dict)
    class_b: dict[str, Words] = Field(default_factory=dict)

    def text_pairs(self) -> Iterator[TextPair]:
        """The file's pairs.

        Raises:
            TaskError: one class only, or neither pairs nor a template that fits its slots.
        """
        answer_a, answer_b = self._two_answers()
        if (self.pairs is None) == (self.template is None):
            raise TaskError(f"task {self.name}: give either pairs or a template, and not both")
        texts = self._filled_template() if self.pairs is None else iter(self.pairs)
        for members in texts:
            if len(members) != 2:
                raise TaskError(
                    f"task {self.name}: every entry of pairs is two texts, [a, b]; "
                    f"got {len(members)} in {members!r:.60}"
                )
            yield members[0], members[1], answer_a, answer_b

    def _two_answers(self) -> list[str]:
        if len(self.answers) == 1 or len(set(self.answers)) == 1:
            raise TaskError(
                f"task {self.name}: one class only: answers are {self.answers!r}, "
                "expected two different ones"
            )
        if len(self.answers) != 2:
            raise TaskError(f"task {self.name}: {len(self.answers)} answers, expected two")
        return self.answers

    def _filled_template(self) -> Iterator[list[str]]:
        template = self.template or ""
        if self.class_a.keys() != self.class_b.keys() or not self.class_a:
            raise TaskError(
                f"task {self.name}: one class only: class_a fills {sorted(self.class_a)}, class_b "
                f"fills {sorted(self.class_b)}, expected the same slots and at least one"
            )
        shared, own = list(self.slots), list(self.class_a)
        for slot in (*shared, *own):
            if slot in shared and slot in own:
                raise TaskError(f"task {self.name}: slot {slot!r} is both in slots and in class_a")
            if f"{{{slot}}}" not in template:
                raise TaskError(f"task {self.name}: the template has no slot {{{slot}}}")
        lists = [self.slots[slot] for slot in shared]
        lists += [each[slot] for slot in own for each in (self.class_a, self.class_b)]
        for words in _some_products(self.name, lists):
            given = dict(zip(shared, words, strict=False))
            a = dict(zip(own, words[len(shared) :: 2], strict=True))
            b = dict(zip(own, words[len(shared) + 1 :: 2], strict=True))
            yield [_fill(template, given | a), _fill(template, given | b)]


def _some_products(name: str, lists: list[list[str]]) -> Iterator[tuple[str, ...]]:
    """All combinations of words; where there are very many, some drawn at random."""
    total = math.prod(map(len, lists))
    if total <= _MOST:
        yield from itertools.product(*lists)
        return
    draws = random.Random(seed_from("template", name))
    for number in draws.sample(range(min(total, 2**62)), _MOST):
        words: list[str] = []
        for options in lists:
            number, i = divmod(number, len(options))
            words.append(options[i])
        yield tuple(words)


def _fill(template: str, words: dict[str, str]) -> str:
    """Put words into their slots; other braces stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda slot: words.get(slot[1], slot[0]), template)


def read_task_file(path: Path) -> TaskFile:
    """Read a task file, safely.

    Raises:
        FileFormatError: it is missing, not YAML, or a field is missing, unknown or wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileFormatError(f"{path} is not a task file: it is not UTF-8 text") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise FileFormatError(f"{path} is not YAML: {said:.160}") from None
    if not isinstance(content, dict):
        raise FileFormatError(
            f"{path} is not a task file: expected keys such as name and answers, "
            f"got {type(content).__name__}"
        )
    try:
        return TaskFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(TaskFile.model_fields)
        hint = f" (known keys: {known})" if first["type"] == "extra_forbidden" else ""
        raise FileFormatError(f"{path} is not a task file: {where}: {first['msg']}{hint}") from None


def load_task_file(path: Path, corpus: Corpus, n_ctx: int) -> Task:
    """The task of a YAML file, with prompts of `n_ctx` tokens behind documents of the corpus.

    Raises:
        FileFormatError: the file is missing or no task file.
        TaskError: one class only, answers that cannot be told apart, too few pairs, or texts
            that are too long.
    """
    file = read_task_file(path)
    return binary_task(file.name, corpus, file.text_pairs(), n_ctx, file.question)
