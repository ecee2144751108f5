"""What a weight mask is trained for: a wished answer of the masked network, function by function.

Every objective is a list of terms. A term runs some function's inputs either through the masked
weights only or through the network without them, and asks for one distribution over the
candidates: the right answer, the base network's own, or none (uniform). Its loss is
KL(wished || got) in nats; for right answers that is the cross-entropy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import SettingError
from netseams.tasks import Task, TaskSplit

Run = Callable[..., Any]
"""The module, called as it always is, under some weights."""
Inputs = Tensor | Mapping[str, Tensor]
"""Rows along the first axis; a mapping for models with several inputs."""
Side = Literal["only", "without"]
Wish = Literal["labels", "base", "uniform"]


@dataclass(frozen=True)
class Function:
    """A behaviour of any module: inputs, right answers, and where its answers are read.

    Shape letters: R rows, P answers of a row, C candidates.
    """

    name: str
    rows: Mapping[TaskSplit, tuple[Inputs, Int[Tensor, "R P"]]]
    """`mask_train` trains masks, `select` chooses among them; `report` is never read here."""
    read: Callable[[Run, Any], Float[Tensor, "R P C"]]
    """(run, inputs) -> logits over the candidates: `lambda run, x: run(x).unsqueeze(1)`."""
    floor_accuracy: float
    """What a predictor reaches that does not have the behaviour."""
    corpus: str = ""


def function_of(task: Task, device: torch.device | str = "cpu") -> Function:
    """A task of ours, as a function of our `Transformer` on `device`."""

    read = AnswerReader(tuple(task.answers.tolist()), tuple(task.candidates.tolist()))
    splits: tuple[TaskSplit, ...] = ("mask_train", "select")
    rows: dict[TaskSplit, tuple[Inputs, Tensor]] = {
        split: _moved(task.rows(split), device) for split in splits
    }
    return Function(task.name, rows, read, task.floor_accuracy, task.corpus)


@dataclass(frozen=True)
class AnswerReader:
    """The candidates' logits of our `Transformer` at a task's answers.

    Readers of equal answers and candidates are equal, so such tasks share a forward pass.
    """

    answers: tuple[int, ...]
    candidates: tuple[int, ...]

    def __call__(self, run: Run, tokens: Int[Tensor, "R T"]) -> Float[Tensor, "R P C"]:
        answers = torch.tensor(self.answers, device=tokens.device).expand(len(tokens), -1)
        return run(tokens, None, answers)[..., list(self.candidates)]


def _moved(rows: tuple[Tensor, Tensor], device: torch.device | str) -> tuple[Tensor, Tensor]:
    return rows[0].to(device), rows[1].to(device)


class Term(NamedTuple):
    """One wish: `function` read on `side` of the mask shall give `wish`."""

    function: Function
    side: Side
    wish: Wish
    weight: float = 1.0


@dataclass(frozen=True)
class Objective:
    """Terms of which the weighted sum is minimised; the mask is about the first one's function."""

    name: str
    terms: tuple[Term, ...]

    @property
    def function(self) -> Function:
        return self.terms[0].function

    @property
    def removes(self) -> bool:
        """Whether the mask is only asked about what happens without it."""
        return all(term.side == "without" for term in self.terms)


def labels(function: Function) -> Objective:
    """Alone, the masked weights give the right answers."""
    return Objective("labels", (Term(function, "only", "labels"),))


def faithful(function: Function) -> Objective:
    """Alone, they give what the base network gives on the function's inputs, mistakes included."""
    return Objective("faithful", (Term(function, "only", "base"),))


def necessity(function: Function, others: Sequence[Function]) -> Objective:
    """Without them the function is gone (uniform), and the others are what they were.

    The form of arXiv 2310.03084: suppress one, maintain the rest; here the others' terms are
    averaged, so that one function weighs as much as all others together.

    Raises:
        SettingError: there are no others, so that removing everything would do.
    """
    if not others:
        raise SettingError(
            "necessity needs other functions that must survive: without any, the mask of "
            "everything is a perfect answer"
        )
    kept = [Term(other, "without", "base", 1 / len(others)) for other in others]
    return Objective("necessity", (Term(function, "without", "uniform"), *kept))


def both(function: Function, others: Sequence[Function]) -> Objective:
    """`faithful` and `necessity` of one mask at once."""
    terms = faithful(function).terms + necessity(function, others).terms
    return Objective("both", terms)


class Wishes:
    """An objective with its wishes worked out on one base network.

    Raises:
        SettingError: a function lacks a split, or the base network gives no finite logits.
    """

    def __init__(self, objective: Objective, base: Run) -> None:
        self.objective = objective
        self._wished = {
            split: [self._wish(term, base, split) for term in objective.terms]
            for split in ("mask_train", "select")
        }

    def loss(
        self, only: Run, without: Run, split: TaskSplit, picks: Sequence[Tensor] | None = None
    ) -> Float[Tensor, ""]:
        """Weighted sum of the terms' losses; `picks` are rows for every term, None takes all.

        Terms on one side that are read alike go through the module together.
        """
        passes: dict[object, list[int]] = {}
        inputs = [term.function.rows[split][0] for term in self.objective.terms]
        wished = list(self._wished[split])
        if picks is not None:
            inputs = [take_rows(x, rows) for x, rows in zip(inputs, picks, strict=True)]
            wished = [x[rows] for x, rows in zip(wished, picks, strict=True)]
        for i, term in enumerate(self.objective.terms):
            key = (term.side, term.function.read, _shapes(inputs[i]))
            passes.setdefault(key, []).append(i)
        losses: list[Tensor] = []
        for together in passes.values():
            first = self.objective.terms[together[0]]
            run = only if first.side == "only" else without
            got = first.function.read(run, _joined([inputs[i] for i in together]))
            parts = got.split([len(wished[i]) for i in together])
            losses += [
                self.objective.terms[i].weight * _divergence(wished[i], part)
                for i, part in zip(together, parts, strict=True)
            ]
        return torch.stack(losses).sum()

    def rows(self, term: int) -> int:
        """Rows of the mask_train split of a term's function."""
        return len(self._wished["mask_train"][term])

    def picks(self, batch_size: int, draws: torch.Generator) -> list[Int[Tensor, " n"]]:
        """Rows of the mask_train split for every term, `batch_size` in all (at least one each)."""
        size = max(1, batch_size // len(self.objective.terms))
        terms = range(len(self.objective.terms))
        return [torch.randperm(self.rows(term), generator=draws)[:size] for term in terms]

    def _wish(self, term: Term, base: Run, split: TaskSplit) -> Float[Tensor, "R P C"]:
        function = term.function
        if split not in function.rows:
            raise SettingError(f"function {function.name} has no rows for its {split} split")
        inputs, targets = function.rows[split]
        with torch.no_grad():
            logits = function.read(base, inputs).float()
        if not bool(torch.isfinite(logits).all()):
            raise SettingError(
                f"the whole network gives logits that are not numbers on {function.name}: no mask "
                "of it can be trained; look for NaN among weights and inputs"
            )
        if logits.shape[:2] != targets.shape:
            raise SettingError(
                f"function {function.name} reads logits of shape {tuple(logits.shape)} for "
                f"targets of shape {tuple(targets.shape)}: expected (rows, answers, candidates) "
                "and (rows, answers)"
            )
        if term.wish == "labels":
            return F.one_hot(targets, logits.shape[-1]).to(logits)
        if term.wish == "uniform":
            return torch.full_like(logits, 1 / logits.shape[-1])
        return logits.softmax(-1)


def take_rows(inputs: Inputs, picks: Tensor) -> Inputs:
    """Some rows of the inputs."""
    if isinstance(inputs, Tensor):
        return inputs[picks]
    return {name: part[picks] for name, part in inputs.items()}


def _shapes(inputs: Inputs) -> tuple:
    """What must agree for inputs to be joined."""
    if isinstance(inputs, Tensor):
        return tuple(inputs.shape[1:])
    return tuple((name, tuple(part.shape[1:])) for name, part in sorted(inputs.items()))


def _joined(inputs: Sequence[Any]) -> Inputs:
    """Rows after rows."""
    if len(inputs) == 1:
        return inputs[0]
    if isinstance(inputs[0], Tensor):
        return torch.cat(list(inputs))
    return {name: torch.cat([part[name] for part in inputs]) for name in inputs[0]}


def _divergence(wished: Tensor, logits: Tensor) -> Float[Tensor, ""]:
    """KL(wished || softmax(logits)), mean over rows and answers."""
    entropy = -torch.special.entr(wished).sum(-1)
    return (entropy - (wished * logits.float().log_softmax(-1)).sum(-1)).mean()
