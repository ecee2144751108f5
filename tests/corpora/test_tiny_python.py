import ast

import numpy as np
import pytest

from netseams.corpora import TinyPython, TinyPythonConfig, load_corpus
from netseams.corpora.tiny_programs import NAMES, READ_FILES, WRITE_FILES, write_program
from netseams.corpora.tokenizer import END

SPLITS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def small(cache) -> TinyPython:
    return TinyPython(TinyPythonConfig(n_train=600, n_held_out=150))


def test_every_program_is_python() -> None:
    for seed in range(600):
        tree = ast.parse(write_program(seed))
        compile(tree, "program", "exec")


def test_programs_are_short_and_differ() -> None:
    programs = [write_program(seed) for seed in range(600)]
    assert len(set(programs)) == 600
    lengths = [program.count("\n") for program in programs]
    assert min(lengths) >= 5
    assert max(lengths) <= 40
    assert sum(lengths) / 600 < 25


def test_a_seed_is_a_program() -> None:
    assert write_program(7) == write_program(7)
    assert write_program(7) != write_program(8)


def test_constructs_that_tasks_tell_apart_are_equally_frequent() -> None:
    text = "".join(write_program(seed) for seed in range(3000))
    for a, b in [
        ("= set()", '= ""'), ("with open(", "f = open("), ("while True", "return True"),
        ("enumerate(", "in range("),
    ]:  # fmt: skip
        assert text.count(a) == pytest.approx(text.count(b), rel=0.25), (a, b)
    for quote in "'\"":
        assert text.count(quote) == pytest.approx(sum(map(text.count, "'\"")) / 2, rel=0.15)
    opened = [sum(text.count(name) for name in names) for names in (READ_FILES, WRITE_FILES)]
    assert opened[0] == pytest.approx(opened[1], rel=0.15)


def test_splits_share_no_program(small: TinyPython) -> None:
    texts = {split: {d.text for d in small.documents(split)} for split in SPLITS}
    assert [len(texts[split]) for split in SPLITS] == [600, 150, 150]
    assert len(set.union(*texts.values())) == 900


def test_the_stream_is_the_programs(small: TinyPython) -> None:
    for split in SPLITS:
        text = small.tokenizer.decode(
            np.asarray(small.tokens(split)).tolist(), skip_special_tokens=False
        )
        assert text.split(END)[:-1] == [d.text for d in small.documents(split)]


def test_names_are_single_tokens(small: TinyPython) -> None:
    for name in NAMES:
        assert small.text_of(small.token_of(" " + name)) == " " + name


def test_config_and_summary(small: TinyPython) -> None:
    again = load_corpus(TinyPythonConfig(n_train=600, n_held_out=150))
    assert isinstance(again, TinyPython)
    facts = again.summary()
    assert facts == small.summary()
    assert (facts["name"], facts["n_programs"], facts["d_vocab"]) == ("tiny_python", 900, 640)
    other = TinyPythonConfig(n_train=600, n_held_out=150, seed=1)
    assert TinyPython(other).fingerprint != small.fingerprint
