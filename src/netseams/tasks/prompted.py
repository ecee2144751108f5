"""Tasks for other people's models: pairs of texts, tokenised as the model itself was trained.

No text stands before a prompt, and none is padded. All prompts of a task have one length and one
answer position, that of most pairs; pairs that do not have it are left out and counted.
"""

import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from netseams.core import TaskError
from netseams.corpora.prompts import NextToken, Prompt, Prompts, UnderMask, WholeText
from netseams.models import HookedModel
from netseams.tasks.base import SPLIT_SIZES, Task, TaskSplit
from netseams.tasks.binary import FEWEST, TextPair, check_texts, distinct, shares_of
from netseams.tasks.cutting import task_of
from netseams.tasks.pairs import Pair
from netseams.tasks.task_file import read_task_file

Form = tuple[int, int]


def prompted_task(
    name: str, prompts: Prompts, pairs: Iterable[TextPair], n_ctx: int, question: str = ""
) -> Task:
    """A task of pairs `(text_a, text_b, answer_a, answer_b)` for one model.

    A pair serves one split and comes once: half of them train masks, a quarter selects, a
    quarter is reported.

    Args:
        prompts: of the model's own tokenizer, see `netseams.corpora.prompts`.
        n_ctx: the model's longest prompt.

    Warns:
        UserWarning: pairs were left out, because their tokens are more or fewer.

    Raises:
        TaskError: fewer than 16 pairs of one length, two equal texts, one class only, answers
            that begin with the same token or inside one, or texts longer than `n_ctx`.
    """
    found: list[tuple[Pair, Form | None]] = []
    for texts in distinct(name, pairs):
        check_texts(name, texts)
        found.append(_pair(name, prompts, texts))
    forms = Counter(form for _, form in found if form is not None)
    form, n = forms.most_common(1)[0] if forms else ((0, 0), 0)
    if n < FEWEST:
        raise TaskError(
            f"task {name}: {n} of {len(found)} pairs have one length in tokens and one answer "
            f"position, needs {FEWEST}: write texts whose words are as many tokens each"
        )
    if form[0] > n_ctx:
        raise TaskError(f"task {name}: texts of {form[0]} tokens, the model takes {n_ctx}")
    if n < len(found):
        warnings.warn(
            f"task {name}: {len(found) - n} of {len(found)} pairs were left out: all prompts must "
            f"have {form[0]} tokens, as most have, and the answer at position {form[1]}",
            UserWarning,
            stacklevel=2,
        )
    kept = shares_of(name, [pair for pair, of in found if of == form])
    splits: dict[TaskSplit, list[Pair]] = {s: kept[s][: SPLIT_SIZES[s]] for s in SPLIT_SIZES}
    return task_of(name, question or name, "own texts", splits, n, form[1])


def load_prompted_task(path: Path, model: HookedModel, tokenizer: Any) -> Task:
    """The task of a YAML file, for a model with that tokenizer.

    A causal model gets texts that break off where the answer is due; a masked one texts with
    `[MASK]` there; an encoder without a head whole texts, whose two answers name their classes.

    Raises:
        FileFormatError: the file is missing or no task file.
        TaskError: as `prompted_task`.
    """
    file = read_task_file(path)
    prompts: Prompts
    if model.asks == "class":
        prompts = WholeText(tokenizer, file.answers)
    else:
        prompts = NextToken(tokenizer) if model.asks == "next" else UnderMask(tokenizer)
    task = prompted_task(file.name, prompts, file.text_pairs(), model.cfg.n_ctx, file.question)
    largest = max(int(task.rows(split)[0].max()) for split in task.splits)
    if model.asks != "class":
        largest = max(largest, int(task.candidates.max()))
    if largest >= model.cfg.d_vocab:
        raise TaskError(
            f"task {file.name}: the tokenizer gives token {largest}, the model has "
            f"{model.cfg.d_vocab}: this is another model's tokenizer"
        )
    return task


def _pair(name: str, prompts: Prompts, texts: TextPair) -> tuple[Pair, Form | None]:
    """A pair and its length and answer position, where its members agree on them."""
    text_a, text_b, answer_a, answer_b = texts
    try:
        a, b = prompts(text_a, answer_a), prompts(text_b, answer_b)
    except TaskError as error:
        raise TaskError(f"task {name}: {error}") from None
    if a.tokens == b.tokens:
        raise TaskError(
            f"task {name}: {text_a[-40:]!r} and {text_b[-40:]!r} are the same to this model's "
            "tokenizer: clean and corrupt inputs must differ"
        )
    if a.answer == b.answer:
        raise TaskError(
            f"task {name}: the answers {answer_a!r} and {answer_b!r} begin with the same token; "
            "move what they share into the texts"
        )
    pair = Pair(a.tokens, b.tokens, a.answer, b.answer)
    return pair, _form(a) if _form(a) == _form(b) else None


def _form(prompt: Prompt) -> Form:
    return len(prompt.tokens), prompt.position
