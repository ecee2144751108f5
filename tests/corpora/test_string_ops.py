import itertools

import pytest
import torch

from netseams.corpora import StringOps, StringOpsConfig, load_corpus
from netseams.corpora.base import IGNORED
from netseams.corpora.string_ops import HELD_OUT, POSITION_OPS, TOKEN, VALUE_OPS


def position(op: str, x: list[int]) -> list[int]:
    """The position operations once more, in plain Python."""
    if op == "keep_order":
        return list(x)
    if op == "reverse":
        return [x[i] for i in range(len(x) - 1, -1, -1)]
    if op == "rotate":
        return [*x[1:], x[0]]
    assert op == "swap_pairs"
    return [x[i + 1] if i % 2 == 0 else x[i - 1] for i in range(len(x))]


def value(op: str, x: list[int]) -> list[int]:
    table = {
        "keep_values": "0123456789",
        "increment": "1234567890",
        "complement": "9876543210",
        "add_five": "5678901234",
    }[op]
    return [int(table[digit]) for digit in x]


PAIRS = list(itertools.product(POSITION_OPS, VALUE_OPS))


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def names_of(corpus: StringOps, row: torch.Tensor) -> list[str]:
    return [corpus.text_of(int(token)) for token in row]


def test_there_are_sixteen_pairs_and_three_are_held_out(string_ops: StringOps) -> None:
    assert len(PAIRS) == 16
    assert len(string_ops.trained) == 13
    assert sorted([*string_ops.trained, *HELD_OUT]) == sorted(PAIRS)
    for slot in (0, 1):  # every operation is trained in some other pair
        assert {pair[slot] for pair in string_ops.trained} == {pair[slot] for pair in PAIRS}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("length", [2, 6, 8])
def test_answers_are_those_of_plain_python(pair: tuple[str, str], length: int) -> None:
    corpus = StringOps(StringOpsConfig(length=length))
    x = torch.randint(0, 10, (40, length), generator=draws())
    inputs, y = corpus.encode([pair] * 40, x)
    assert inputs.shape == (40, 2 + 2 * length)
    for row, string, answer in zip(inputs, x.tolist(), y.tolist(), strict=True):
        assert names_of(corpus, row) == [*pair, *map(str, string), *["SEP"] * length]
        assert answer == value(pair[1], position(pair[0], string))


def test_a_hand_made_example(string_ops: StringOps) -> None:
    inputs, y = string_ops.encode([("rotate", "increment")], torch.tensor([[3, 1, 4, 1, 5, 9]]))
    assert y.tolist() == [[2, 5, 2, 6, 0, 4]]
    assert " ".join(names_of(string_ops, inputs[0])) == (
        "rotate increment 3 1 4 1 5 9 SEP SEP SEP SEP SEP SEP"
    )


def test_mixed_pairs_keep_their_rows(string_ops: StringOps) -> None:
    pairs = [PAIRS[i % 16] for i in range(64)]
    x = torch.randint(0, 10, (64, 6), generator=draws())
    _, y = string_ops.encode(pairs, x)
    expected = [value(v, position(p, s)) for (p, v), s in zip(pairs, x.tolist(), strict=True)]
    assert y.tolist() == expected


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_batches_hold_trained_pairs_and_loss_on_answers_alone(
    string_ops: StringOps, split: str
) -> None:
    batch = string_ops.batch(split, 2000, 14, draws())
    assert batch.inputs.shape == batch.targets.shape == (2000, 14)
    seen = set()
    for row, targets in zip(batch.inputs, batch.targets, strict=True):
        p, v, *rest = names_of(string_ops, row)
        seen.add((p, v))
        assert rest[6:] == ["SEP"] * 6
        assert targets[:8].tolist() == [IGNORED] * 8
        answer = value(v, position(p, [int(digit) for digit in rest[:6]]))
        assert names_of(string_ops, targets[8:]) == [str(digit) for digit in answer]
    assert seen == set(PAIRS) - set(HELD_OUT)


def test_trained_pairs_are_equally_frequent(string_ops: StringOps) -> None:
    inputs = string_ops.batch("train", 13_000, 14, draws()).inputs
    counts = torch.unique(inputs[:, :2], dim=0, return_counts=True)[1]
    assert len(counts) == 13
    assert float((counts - 1000).abs().max()) < 5 * 1000**0.5


def test_splits_share_no_string() -> None:
    corpus = StringOps(StringOpsConfig(length=2))
    found = {
        split: {
            tuple(row) for row in corpus.batch(split, 3000, 6, draws(i)).inputs[:, 2:4].tolist()
        }
        for i, split in enumerate(("train", "valid", "test"))
    }
    assert {split: len(strings) for split, strings in found.items()} == {
        "train": 70, "valid": 20, "test": 10,
    }  # fmt: skip
    assert len(set.union(*found.values())) == 100


def test_longer_strings_are_split_seven_to_two_to_one() -> None:
    corpus = StringOps(StringOpsConfig(length=4))
    found = {
        split: {tuple(r) for r in corpus.batch(split, 30_000, 10, draws(i)).inputs[:, 2:6].tolist()}
        for i, split in enumerate(("train", "valid", "test"))
    }
    assert sum(map(len, found.values())) == len(set.union(*found.values())) > 9_800
    assert len(found["train"]) <= 7000
    assert len(found["valid"]) == 2000
    assert len(found["test"]) == 1000


def test_test_strings_are_the_same_ones_and_unseen(string_ops: StringOps) -> None:
    first = string_ops.test_strings(500)
    torch.manual_seed(1)
    assert torch.equal(string_ops.test_strings(500), first)
    held_out = {tuple(row) for row in first.tolist()}
    for split in ("train", "valid"):
        drawn = string_ops.batch(split, 50_000, 14, draws()).inputs[:, 2:8]
        assert not held_out & {tuple(row) for row in drawn.tolist()}


def test_batches_depend_on_their_generator_alone(string_ops: StringOps) -> None:
    first = string_ops.batch("train", 32, 14, draws(5))
    torch.manual_seed(3)
    again = string_ops.batch("train", 32, 14, draws(5))
    assert torch.equal(again.inputs, first.inputs)
    assert torch.equal(again.targets, first.targets)
    assert not torch.equal(string_ops.batch("train", 32, 14, draws(6)).inputs, first.inputs)


def test_tokens_and_names(string_ops: StringOps) -> None:
    assert string_ops.d_vocab == 10 + 4 + 4 + 1
    assert [string_ops.text_of(i) for i in range(10)] == list("0123456789")
    for name, token in TOKEN.items():
        assert string_ops.text_of(token) == name
    assert string_ops.n_positions == 14
    assert string_ops.answers == [8, 9, 10, 11, 12, 13]


@pytest.mark.parametrize("length", [0, 1, 3, 34])
def test_lengths_that_cannot_be_swapped_in_pairs(length: int) -> None:
    with pytest.raises(ValueError, match="length"):
        StringOpsConfig(length=length)


def test_load_corpus_opens_it() -> None:
    corpus = load_corpus(StringOpsConfig(length=4))
    assert isinstance(corpus, StringOps)
    assert corpus.summary()["length"] == 4
