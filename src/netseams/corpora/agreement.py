"""Sentences whose subjects, verbs and reflexives agree in number, with nouns in between that don't.

A template is a line of slots. `noun:a` is a noun whose number is the variable `a`, `verb:a` a verb
in that number; a slot without a variable has one form. Sentences of the corpus use every variable
as the grammar asks; tasks set variables freely, and so break a rule where they mean to.

Shape letters: n sentences, T positions, S slots of the longest template.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from netseams.core import Config, CorpusError
from netseams.corpora.agreement_words import WORDS
from netseams.corpora.base import IGNORED, Batch, Split

_SUBJECTS = (
    "the noun:a",
    "the adjective noun:a",
    "the noun:a near the noun:b",
    "the noun:a near the thing:b",
    "the noun:a near the noun:b near the thing:c",
    "the noun:a who transitive:a the noun:b",
    "the noun:a who the noun:b transitive:b",
)
_PREDICATES = (
    "verb:a .",
    "is:a adjective .",
    "transitive:a the noun:d .",
    "transitive:a the noun:d near the thing:e .",
    "past the noun:d .",
    "past self:a .",
    "transitive:a self:a .",
)
GRAMMATICAL: tuple[str, ...] = (
    *(f"{subject} {predicate}" for subject in _SUBJECTS for predicate in _PREDICATES),
    *(f"the noun:f says:f that {subject} {predicate}"
      for subject in _SUBJECTS[:3] for predicate in _PREDICATES),
)  # fmt: skip
"""Templates of the corpus, equally frequent."""

VARIABLES = "abcdef"
_NAMES = ["<pad>", *dict.fromkeys(w for forms in WORDS.values() for pair in forms for w in pair)]
TOKEN = {name: i for i, name in enumerate(_NAMES)}
PAD = TOKEN["<pad>"]
_CONTENT = ("noun", "thing", "adjective", "verb", "transitive", "past")
_BUCKETS: dict[Split, tuple[int, ...]] = {
    "train": (0, 1, 2, 3, 4, 5),
    "valid": (6, 7, 8),
    "test": (9,),
}
_SENTENCES = 3
"""Sentences drawn for a row of the corpus, mostly more than fit."""


class AgreementConfig(Config):
    """English-like sentences of one clause or two."""

    kind: Literal["agreement"] = "agreement"


class Templates:
    """Templates as tables, so that many sentences are drawn at once."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self.lines = lines
        kinds = list(WORDS)
        slots = [[(*slot.split(":"), "")[:2] for slot in line.split()] for line in lines]
        n_slots = max(len(line) for line in slots)
        self.kind = torch.full((len(lines), n_slots), -1)
        self.variable = torch.zeros(len(lines), n_slots, dtype=torch.long)
        self.first_two = torch.zeros(len(lines), 2, dtype=torch.long)
        for i, line in enumerate(slots):
            for j, (kind, variable) in enumerate(line):
                self.kind[i, j] = kinds.index(kind)
                self.variable[i, j] = VARIABLES.index(variable) if variable else 0
            content = [j for j, (kind, _) in enumerate(line) if kind in _CONTENT]
            self.first_two[i] = torch.tensor(content[:2])
        self._n_words = torch.tensor([len(forms) for forms in WORDS.values()])
        self._forms = torch.full((len(kinds), int(self._n_words.max()), 2), PAD)
        for i, forms in enumerate(WORDS.values()):
            self._forms[i, : len(forms)] = torch.tensor([[TOKEN[w] for w in f] for f in forms])

    def fill(
        self,
        which: Int[Tensor, " n"],
        plural: Bool[Tensor, "n 6"],
        buckets: tuple[int, ...],
        draws: torch.Generator,
    ) -> Int[Tensor, "n S"]:
        """Sentences of the templates `which`, padded on the right.

        Words are drawn from `buckets`, tenths that the first two content words decide whatever
        their number: no two splits share such a pair in one order.

        Args:
            plural: a column for each of `VARIABLES`.
        """
        kind = self.kind[which]
        words = self._draw(kind, draws)
        todo = torch.arange(len(which))
        while len(todo):
            two = words[todo].gather(1, self.first_two[which[todo]])
            bucket = (3 * two[:, 0] + 7 * two[:, 1]) % 10
            todo = todo[~torch.isin(bucket, torch.tensor(buckets))]
            words[todo] = self._draw(kind[todo], draws)
        number = plural.long().gather(1, self.variable[which])
        return torch.where(kind < 0, PAD, self._forms[kind.clamp(min=0), words, number])

    def _draw(self, kind: Int[Tensor, "n S"], draws: torch.Generator) -> Int[Tensor, "n S"]:
        return (torch.rand(kind.shape, generator=draws) * self._n_words[kind]).long()


class Agreement:
    """Rows of sentences behind a stretch of padding of any length; nothing is stored."""

    def __init__(self, config: AgreementConfig) -> None:
        self.config = config
        self.name = config.kind
        self.d_vocab = len(_NAMES)
        self._templates = Templates(GRAMMATICAL)

    def batch(self, split: Split, size: int, length: int, draws: torch.Generator) -> Batch:
        """Padding carries no loss; the last sentence is cut where the row ends."""
        n = size * _SENTENCES
        which = torch.randint(0, len(GRAMMATICAL), (n,), generator=draws)
        plural = torch.rand(n, len(VARIABLES), generator=draws) < 0.5
        sentences = self._templates.fill(which, plural, _BUCKETS[split], draws)
        rows = _joined(sentences.view(size, -1))
        # From no padding to a row that ends after three tokens, so that a sentence may begin,
        # and a question may end, anywhere.
        pads = torch.randint(0, max(1, length - 2), (size, 1), generator=draws)
        places = torch.arange(length + 1) - pads
        both = rows.gather(1, places.clamp(min=0)).masked_fill(places < 0, PAD)
        targets = both[:, 1:].masked_fill(both[:, 1:] == PAD, IGNORED)
        return Batch(both[:, :-1].contiguous(), targets.contiguous())

    def text_of(self, token: int) -> str:
        return _NAMES[token]

    def summary(self) -> dict[str, str | int]:
        return {
            "name": self.name,
            "fingerprint": self.config.digest(),
            "d_vocab": self.d_vocab,
            "templates": len(GRAMMATICAL),
        }


def right_aligned(sentences: Int[Tensor, "n S"], length: int) -> Int[Tensor, "n length"]:
    """Sentences of at most `length` tokens with their padding on the left, the last token last.

    Raises:
        CorpusError: a sentence is longer.
    """
    order = (sentences != PAD).long().argsort(dim=1, stable=True)
    moved = sentences.gather(1, order)
    longest = int((sentences != PAD).sum(1).max())
    if longest > length:
        raise CorpusError(f"a sentence has {longest} tokens, but rows have {length}: raise n_ctx")
    if length <= moved.shape[1]:
        return moved[:, moved.shape[1] - length :]
    return torch.nn.functional.pad(moved, (length - moved.shape[1], 0), value=PAD)


def _joined(rows: Int[Tensor, "n S"]) -> Int[Tensor, "n S"]:
    """Tokens of a row one behind the other, all padding behind them."""
    return rows.gather(1, (rows == PAD).long().argsort(dim=1, stable=True))
