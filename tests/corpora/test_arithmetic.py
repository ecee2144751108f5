"""Languages of sums, held against plain Python."""

import itertools

import pytest
import torch

from netseams.core import UnknownNameError
from netseams.corpora import (
    Arithmetic,
    DoubleAdditionConfig,
    SharedNodeConfig,
    SquaresConfig,
    TwoOperationsConfig,
    load_corpus,
)
from netseams.corpora.arithmetic import tenth
from netseams.corpora.base import IGNORED

CONFIGS = (
    DoubleAdditionConfig(modulus=7),
    TwoOperationsConfig(modulus=5, length=2),
    SquaresConfig(),
    SharedNodeConfig(),
)


def truth(words: list[str]) -> list[int]:
    """The answers of a row as it reads."""
    numbers = [int(w) for w in words if w.isdigit()]
    if "SUM1" in words:
        a, b, c, d = numbers
        return [(a + b) % 7, (c + d) % 7]
    if "SEP" in words:
        pairs = [(numbers[0], numbers[2]), (numbers[1], numbers[3])]
        rule = {"add": lambda a, b: (a + b) % 5, "multiply": lambda a, b: a * b % 5, "max": max}
        return [rule[words[0]](a, b) for a, b in pairs]
    a, b = numbers
    if words[0].startswith("with"):
        return [a % 7 + b % (5 if words[0] == "with_first" else 8)]
    return [(a * a - b * b) % 59]


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=CONFIGS, ids=lambda config: config.kind)
def corpus(request: pytest.FixtureRequest) -> Arithmetic:
    opened = load_corpus(request.param)
    assert isinstance(opened, Arithmetic)
    return opened


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_answers_are_those_of_plain_python(corpus: Arithmetic, split: str) -> None:
    batch = corpus.batch(split, 500, corpus.n_positions, draws())
    assert batch.inputs.shape == (500, corpus.n_positions)
    for row, targets in zip(batch.inputs, batch.targets, strict=True):
        words = [corpus.text_of(token) for token in row.tolist()]
        assert targets[corpus.answers].tolist() == truth(words)
        assert (targets[: corpus.answers[0]] == IGNORED).all()
    assert int(batch.inputs.max()) < corpus.d_vocab


def test_operations_are_asked_equally_often(corpus: Arithmetic) -> None:
    if len(corpus.operations) > 1:
        first = corpus.batch("train", 6000, corpus.n_positions, draws()).inputs[:, 0]
        counts = torch.unique(first, return_counts=True)[1]
        assert len(counts) == len(corpus.operations)
        assert float((counts - 6000 / len(counts)).abs().max()) < 5 * 6000**0.5 / 2


def test_splits_share_no_operands_and_hold_all(corpus: Arithmetic) -> None:
    if corpus.modulus**corpus.n_operands > 4000:
        pytest.skip("counted where there are few")
    every = torch.cartesian_prod(*[torch.arange(corpus.modulus)] * corpus.n_operands)
    tenths = tenth(every)
    found = []
    for i, (split, buckets) in enumerate(
        {"train": range(7), "valid": (7, 8), "test": (9,)}.items()
    ):
        x = corpus.batch(split, 60_000, corpus.n_positions, draws(i)).inputs
        x = x[:, corpus.first : corpus.first + corpus.n_operands]
        found.append({tuple(row) for row in x.tolist()})
        expected = every[torch.isin(tenths, torch.tensor(list(buckets)))]
        assert found[-1] == {tuple(row) for row in expected.tolist()}
    assert sum(map(len, found)) == len(every)


def test_every_single_number_is_trained_in_every_place() -> None:
    corpus = load_corpus(SquaresConfig())
    x = corpus.batch("train", 20_000, 3, draws()).inputs
    for place in (0, 1):
        assert len(x[:, place].unique()) == 59


def test_internal_variables() -> None:
    squares, shared = load_corpus(SquaresConfig()), load_corpus(SharedNodeConfig())
    rows = squares.batch("train", 50, 3, draws()).inputs
    for name, rule in {
        "a_squared": lambda a, b: a * a,
        "b_squared": lambda a, b: b * b,
        "sum": lambda a, b: a + b,
        "difference": lambda a, b: a - b,
    }.items():
        labels = squares.internal(name, rows).tolist()
        assert labels == [rule(a, b) % 59 for a, b, _ in rows.tolist()]
    # Both ways of computing the answer from them agree with it.
    a, b = (squares.internal(name, rows) for name in ("a_squared", "b_squared"))
    s, d = (squares.internal(name, rows) for name in ("sum", "difference"))
    assert torch.equal((a - b) % 59, (s * d) % 59)
    rows = shared.batch("train", 50, 4, draws()).inputs
    for name, place, modulus in (("shared", 1, 7), ("first", 2, 5), ("second", 2, 8)):
        assert shared.internal(name, rows).tolist() == [r[place] % modulus for r in rows.tolist()]
    for corpus in (squares, shared):
        with pytest.raises(UnknownNameError, match="unknown internal variable 'product'"):
            corpus.internal("product", rows)


def test_settings_that_are_refused() -> None:
    with pytest.raises(ValueError, match="must differ"):
        SharedNodeConfig(first=5, second=5)
    with pytest.raises(ValueError, match="below modulus"):
        SharedNodeConfig(shared=50, second=12)
    with pytest.raises(ValueError, match="modulus"):
        SquaresConfig(modulus=31)


def test_the_same_operands_and_every_operation() -> None:
    corpus = load_corpus(TwoOperationsConfig(modulus=5, length=2))
    assert isinstance(corpus, Arithmetic)
    for a, b in itertools.product(range(5), repeat=2):
        x = torch.tensor([[a, a, b, b]] * 3)
        assert corpus.encode(list(corpus.operations), x)[1][:, 0].tolist() == [
            (a + b) % 5, a * b % 5, max(a, b),
        ]  # fmt: skip
