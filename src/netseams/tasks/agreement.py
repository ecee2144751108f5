"""Agreement as next-token tasks: the number of a noun decides, another noun stands in between."""

import torch

from netseams.core import UnknownNameError, generator
from netseams.corpora import Agreement
from netseams.corpora.agreement import TOKEN, VARIABLES, Templates, right_aligned
from netseams.tasks.base import SPLIT_SIZES, Examples, Task, TaskSplit
from netseams.tasks.floors import blind_floor

_VERB, _SELF = ("is", "are"), ("himself", "themselves")
_PROMPTS: dict[str, tuple[str, tuple[str, str]]] = {
    "verb_after_phrase": ("the noun:a near the noun:b", _VERB),
    "verb_after_clause": ("the noun:a who the noun:b transitive:b", _VERB),
    "verb_in_clause": ("the noun:f says:f that the noun:a near the thing:b", _VERB),
    "reflexive_after_phrase": ("the noun:a near the noun:b past", _SELF),
    "reflexive_in_clause": ("the noun:f says:f that the noun:a past", _SELF),
}
"""Prompt and its two answers; the noun of number `a` decides, every other number is drawn."""
AGREEMENT_TASKS: tuple[str, ...] = tuple(_PROMPTS)
# Words of the first split are read in validation of the corpus, those of the last in its test.
_BUCKETS: dict[TaskSplit, tuple[int, ...]] = {
    "mask_train": (6, 7),
    "select": (8,),
    "report": (9,),
}


def agreement_task(name: str, corpus: Agreement, n_ctx: int) -> Task:
    """Clean and corrupt prompts have the same words but for the number of the one noun.

    Raises:
        UnknownNameError: no such task.
        CorpusError: the prompt is longer than `n_ctx`.
    """
    if name not in _PROMPTS:
        raise UnknownNameError("task", name, _PROMPTS)
    prompt, answers = _PROMPTS[name]
    templates = Templates((prompt,))
    splits: dict[TaskSplit, Examples] = {
        split: _examples(name, templates, split, n_ctx) for split in SPLIT_SIZES
    }
    floor_accuracy, floor_loss = blind_floor(splits["report"])
    part = "verb" if answers is _VERB else "pronoun"
    return Task(
        name=name,
        corpus=corpus.name,
        question=f"which {part} follows `{prompt.replace(':', ' ')}`, by the number of a?",
        candidates=torch.tensor([TOKEN[word] for word in answers]),
        answers=torch.tensor([n_ctx - 1]),
        splits=splits,
        scores_both=True,
        floor_accuracy=floor_accuracy,
        floor_loss=floor_loss,
    )


def _examples(name: str, templates: Templates, split: TaskSplit, n_ctx: int) -> Examples:
    n = SPLIT_SIZES[split]
    plural = torch.rand(n, len(VARIABLES), generator=generator("task", name, split)) < 0.5
    other = plural.clone()
    other[:, 0] = ~other[:, 0]
    clean, corrupt = (
        right_aligned(
            templates.fill(
                torch.zeros(n, dtype=torch.long), numbers, _BUCKETS[split],
                generator("task words", name, split),  # the same words in both
            ),
            n_ctx,
        )
        for numbers in (plural, other)
    )  # fmt: skip
    return Examples(clean, corrupt, plural[:, :1].long(), other[:, :1].long())
