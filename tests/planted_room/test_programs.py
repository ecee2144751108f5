"""Compiled programs answer as their definitions say; tracr's network and ours are one function."""

import itertools

import pytest
import torch

from netseams.core import SettingError
from netseams.planted import PLANTED, compile_program
from netseams.planted.programs import HISTOGRAM, REVERSE, SORT
from netseams.planted.rasp import Aggregate, Indices, Map, Select, SequenceMap, Tokens, Width, run

PREVIOUS = Aggregate(Select(Indices(), Indices(), lambda key, query: key == query - 1), Tokens())
IS_A_LATER = SequenceMap(
    lambda token, index: token == "a" and index > 0, Tokens(), Map(lambda i: i % 3, Indices())
)
TWO_COUNTS = SequenceMap(
    lambda x, y: x - y,
    Width(Select(Tokens(), Tokens(), lambda key, query: key < query)),
    Width(Select(Tokens(), Tokens(), lambda key, query: key > query)),
)
BY_HAND = {
    "reverse": (REVERSE, lambda x: x[::-1]),
    "histogram": (HISTOGRAM, lambda x: [x.count(token) for token in x]),
    "sort": (SORT, lambda x: sorted(x) if len(set(x)) == len(x) else None),
    "mapped": (IS_A_LATER, lambda x: [t == "a" and i % 3 > 0 for i, t in enumerate(x)]),
    "two counts": (
        TWO_COUNTS, lambda x: [sum(o < t for o in x) - sum(o > t for o in x) for t in x],
    ),
}  # fmt: skip


def strings(length: int) -> list[list[str]]:
    return [list(x) for x in itertools.product("abc", repeat=length)]


@pytest.mark.parametrize("name", BY_HAND)
def test_definitions_and_weights_agree_with_python(name) -> None:
    program, by_hand = BY_HAND[name]
    compiled = compile_program(program, ("a", "b", "c"), 4)
    for length in (1, 2, 3, 4):
        asked = [x for x in strings(length) if by_hand(x) is not None]
        if not asked:
            continue
        rows = torch.tensor([[0, *(compiled.words.index(token) for token in x)] for x in asked])
        with torch.no_grad():
            logits = compiled.draft.model(rows)[:, 1:, list(compiled.answers)]
        best = logits.topk(2, dim=-1)
        assert (best.values[..., 0] - best.values[..., 1]).min() > 11
        for x, found in zip(asked, best.indices[..., 0].tolist(), strict=True):
            assert run(program, x) == by_hand(x)
            assert [compiled.words[compiled.answers[i]] for i in found] == by_hand(x)


def test_where_nothing_is_selected_nothing_is_answered() -> None:
    assert run(PREVIOUS, ["a", "b", "c"]) == [None, "a", "b"]
    compiled = compile_program(PREVIOUS, ("a", "b", "c"), 3, causal=True)
    with torch.no_grad():
        logits = compiled.draft.model(torch.tensor([[0, 1, 2, 3]]))[0, 1:, 1:4]
    assert logits[0].abs().max() < 1e-5
    assert logits[1:].argmax(-1).tolist() == [0, 1]


def test_programs_that_cannot_be_run_are_refused() -> None:
    everything = Select(Tokens(), Tokens(), lambda key, query: True)
    with pytest.raises(SettingError, match="one at most"):
        run(Aggregate(everything, Tokens()), ["a", "b"])
    with pytest.raises(SettingError, match="nothing to compile"):
        compile_program(Tokens(), ("a",), 3)


def test_our_compiler_and_tracr_make_one_function() -> None:
    ours, theirs = PLANTED["rasp_reverse"]().model, PLANTED["tracr_reverse"]().model
    for length in range(1, 6):
        x = torch.cartesian_prod(*[torch.arange(3)] * length).view(-1, length)
        bos = torch.zeros(len(x), 1, dtype=torch.long)
        with torch.no_grad():
            mine = ours(torch.cat([bos, x + 1], dim=1))[:, 1:, 1:4]
            other = theirs(torch.cat([bos + 3, x], dim=1))[:, 1:, :3]
        assert torch.allclose(mine, other, atol=1e-3)
