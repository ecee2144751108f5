"""Pairs of prompts: cut where the answer is due, filled up on the left with real documents."""

from collections import deque
from dataclasses import dataclass

from netseams.corpora import DocumentCorpus
from netseams.tasks.places import Place


@dataclass(frozen=True)
class Pair:
    """Two prompts of equal length, and the token that each asks for."""

    a: tuple[int, ...]
    b: tuple[int, ...]
    answer_a: int
    answer_b: int

    def turned(self) -> "Pair":
        """The same pair the other way round."""
        return Pair(self.b, self.a, self.answer_b, self.answer_a)


class EncodedText:
    """A document's tokens, and at which character each begins."""

    def __init__(self, corpus: DocumentCorpus, text: str) -> None:
        self.corpus = corpus
        self.text = text
        encoding = corpus.tokenizer.encode(text, add_special_tokens=False)
        self.ids: list[int] = encoding.ids
        self._at = {start: i for i, (start, _) in reversed(list(enumerate(encoding.offsets)))}

    def index(self, offset: int) -> int | None:
        """Which token begins at a character; None where none does."""
        return self._at.get(offset)

    def twin_from(self, offset: int, text: str) -> "EncodedText":
        return EncodedText(self.corpus, self.text[:offset] + text)


class Before:
    """The documents that stand before a prompt's own, tokenised only where one needs them."""

    def __init__(self, corpus: DocumentCorpus, n_ctx: int) -> None:
        self.corpus = corpus
        self.n_ctx = n_ctx
        self._texts: deque[str] = deque(maxlen=32)
        self._tokens: list[int] | None = None

    def add(self, text: str) -> None:
        self._texts.append(text)
        self._tokens = None

    def tokens(self) -> list[int]:
        """The last `n_ctx` tokens, each document followed by `END`; fewer at the beginning."""
        if self._tokens is None:
            self._tokens = []
            for text in reversed(self._texts):
                ids = EncodedText(self.corpus, text).ids
                self._tokens = [*ids, self.corpus.end, *self._tokens]
                if len(self._tokens) >= self.n_ctx:
                    break
            self._tokens = self._tokens[-self.n_ctx :]
        return self._tokens


def pair_at(encoded: EncodedText, place: Place, before: Before, n_ctx: int) -> Pair | None:
    """The pair of a place; None where the answer begins inside a token or the edit lies too far.

    Only the text from the line end before the edit is tokenised again: a line end that follows
    a visible character always begins a token. Where both answers begin alike, the prompt is
    longer by what they share.
    """
    text = encoded.text
    begin = line_end_before(text, place.start)
    own = EncodedText(encoded.corpus, text[begin : _line_end_after(text, place.answer)])
    other = own.twin_from(
        place.start - begin, place.other + text[place.stop : place.answer] + place.other_answer
    )
    first = encoded.index(begin)
    i = own.index(place.answer - begin)
    j = other.index(len(other.text) - len(place.other_answer))
    if first is None or i is None or j is None:
        return None
    if place.answer > place.stop and own.ids[i - 1] != other.ids[j - 1]:
        return None  # what they share is one token with the edit, in one of the two
    left = encoded.ids[max(0, first - n_ctx) : first]
    if len(left) < n_ctx:
        left = before.tokens() + left
    return joined(left, own.ids, i, other.ids, j, n_ctx)


def joined(
    left: list[int], own: list[int], i: int, other: list[int], j: int, n_ctx: int
) -> Pair | None:
    """Prompts that end before `own[i]` and `other[j]`, or behind what both go on with."""
    while i < len(own) and j < len(other) and own[i] == other[j]:
        i, j = i + 1, j + 1
    if i == len(own) or j == len(other):
        return None
    alike = 0
    while alike < min(i, j) and own[alike] == other[alike]:
        alike += 1
    if max(i, j) - alike > n_ctx or len(left) + min(i, j) < n_ctx:
        return None
    a, b = (tuple([*left, *ids[:stop]][-n_ctx:]) for ids, stop in ((own, i), (other, j)))
    return Pair(a, b, own[i], other[j])


def line_end_before(text: str, offset: int) -> int:
    """The last line end before `offset` that follows a visible character; 0 where none does."""
    at = text.rfind("\n", 0, offset)
    while at > 0 and text[at - 1].isspace():
        at = text.rfind("\n", 0, at)
    return max(at, 0)


def _line_end_after(text: str, offset: int) -> int:
    """The end of the first line behind `offset` that holds something."""
    start = offset
    while start < len(text) and text[start].isspace():
        start += 1
    at = text.find("\n", start)
    return len(text) if at < 0 else at
