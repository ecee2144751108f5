"""Sentences are read back by a small parser that knows English and not the templates."""

import itertools

import pytest
import torch

from netseams.core import CorpusError
from netseams.corpora import Agreement, AgreementConfig, load_corpus
from netseams.corpora.agreement import PAD, TOKEN, VARIABLES, Templates, right_aligned
from netseams.corpora.agreement_words import WORDS
from netseams.corpora.base import IGNORED

NUMBER = {"sg": {}, "pl": {}}
for kind in ("noun", "thing", "verb", "transitive", "is", "says", "self"):
    for singular, plural in WORDS[kind]:
        NUMBER["sg"][singular], NUMBER["pl"][plural] = kind, kind
PLACES = {word for word, _ in WORDS["near"]}
PAST = {word for word, _ in WORDS["past"]}
ADJECTIVES = {word for word, _ in WORDS["adjective"]}


@pytest.fixture(scope="module")
def corpus() -> Agreement:
    return Agreement(AgreementConfig())


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Parser:
    """Recursive descent; `number` asks a word for the number that it must have."""

    def __init__(self, words: list[str]) -> None:
        self.words, self.at = words, 0

    def peek(self) -> str:
        return self.words[self.at]

    def take(self, *kinds: str, number: str | None = None) -> str:
        word, self.at = self.words[self.at], self.at + 1
        numbers = [n for n in ("sg", "pl") if NUMBER[n].get(word) in kinds]
        assert numbers, f"{word} is none of {kinds}"
        assert number is None or number in numbers, f"{word} should be {number}"
        return number or numbers[0]

    def word(self, words: set[str]) -> None:
        assert self.peek() in words
        self.at += 1

    def noun_phrase(self) -> str:
        self.word({"the"})
        if self.peek() in ADJECTIVES:
            self.at += 1
        number = self.take("noun", "thing")
        while self.peek() in PLACES:
            self.at += 1
            self.noun_phrase()
        if self.peek() == "who":
            self.at += 1
            if self.peek() == "the":
                self.take("transitive", number=self.noun_phrase())
            else:
                self.take("transitive", number=number)
                self.noun_phrase()
        return number

    def sentence(self) -> None:
        number = self.noun_phrase()
        word = self.peek()
        if word in {w for pair in WORDS["says"] for w in pair}:
            self.take("says", number=number)
            self.word({"that"})
            self.sentence()
            return
        if word in {w for pair in WORDS["is"] for w in pair}:
            self.take("is", number=number)
            self.word(ADJECTIVES)
        elif word in {w for pair in WORDS["verb"] for w in pair}:
            self.take("verb", number=number)
        else:
            if word in PAST:
                self.at += 1
            else:
                self.take("transitive", number=number)
            if self.peek() == "the":
                self.noun_phrase()
            else:
                self.take("self", number=number)
        self.word({"."})


def sentences(corpus: Agreement, row: torch.Tensor) -> list[list[str]]:
    """Whole sentences of a row; the last one, which may be cut, is left out."""
    words = [corpus.text_of(token) for token in row.tolist() if token != PAD]
    ends = [i for i, word in enumerate(words) if word == "."]
    return [words[a + 1 : b + 1] for a, b in itertools.pairwise([-1, *ends])]


def test_every_sentence_agrees(corpus: Agreement) -> None:
    found = [
        sentence
        for row in corpus.batch("train", 400, 40, draws()).inputs
        for sentence in sentences(corpus, row)
    ]
    assert len(found) > 700
    for sentence in found:
        parser = Parser(sentence)
        parser.sentence()
        assert parser.at == len(sentence)


def test_the_parser_refuses_what_does_not_agree() -> None:
    Parser(["the", "author", "near", "the", "pilots", "laughs", "."]).sentence()
    for wrong in ("the author near the pilots laugh .", "the authors knew himself ."):
        with pytest.raises(AssertionError, match="should be"):
            Parser(wrong.split()).sentence()


def test_attractors_are_as_often_of_the_other_number() -> None:
    templates = Templates(("the noun:a near the noun:b verb:a .",))
    plural = torch.rand(2000, len(VARIABLES), generator=draws()) < 0.5
    rows = templates.fill(torch.zeros(2000, dtype=torch.long), plural, tuple(range(10)), draws())
    plurals = {TOKEN[p] for _, p in WORDS["noun"]}
    a, b = (torch.tensor([int(t) in plurals for t in rows[:, i]]) for i in (1, 4))
    assert torch.equal(a, plural[:, 0])
    assert float((a == b).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_no_word_has_two_kinds_or_two_tokens() -> None:
    words = [w for forms in WORDS.values() for pair in forms for w in dict.fromkeys(pair)]
    assert sorted({w for w in words if words.count(w) > 1}) == ["themselves"]
    assert len(WORDS["noun"]) >= 40
    assert len(WORDS["verb"]) + len(WORDS["transitive"]) >= 40


def test_splits_share_no_pair_of_first_words(corpus: Agreement) -> None:
    templates = Templates(("the noun:a near the noun:b .",))
    pairs = []
    for buckets in ((0, 1, 2, 3, 4, 5), (6, 7), (8,), (9,)):
        which, plural = torch.zeros(20_000, dtype=torch.long), torch.zeros(20_000, 6).bool()
        rows = templates.fill(which, plural, buckets, draws())
        pairs.append({(int(r[1]), int(r[4])) for r in rows})
    assert sum(map(len, pairs)) == len(set.union(*pairs)) == len(WORDS["noun"]) ** 2


def test_padding_comes_first_and_carries_no_loss(corpus: Agreement) -> None:
    batch = corpus.batch("valid", 300, 16, draws())
    assert batch.inputs.shape == batch.targets.shape == (300, 16)
    lengths = (batch.inputs == PAD).long().cumprod(1).sum(1)
    assert set(lengths.tolist()) == set(range(14))
    following = batch.inputs[:, 1:]
    assert torch.equal(batch.targets[:, :-1], following.masked_fill(following == PAD, IGNORED))


def test_batches_depend_on_their_generator_alone(corpus: Agreement) -> None:
    first = corpus.batch("train", 8, 16, draws(3)).inputs
    torch.manual_seed(9)
    assert torch.equal(load_corpus(AgreementConfig()).batch("train", 8, 16, draws(3)).inputs, first)


def test_sentences_move_to_the_right_or_are_refused() -> None:
    rows = torch.tensor([[5, 6, PAD, PAD], [7, 8, 9, PAD]])
    assert right_aligned(rows, 3).tolist() == [[PAD, 5, 6], [7, 8, 9]]
    assert right_aligned(rows, 6).tolist() == [[PAD] * 4 + [5, 6], [PAD] * 3 + [7, 8, 9]]
    with pytest.raises(CorpusError, match="has 3 tokens, but rows have 2"):
        right_aligned(rows, 2)
