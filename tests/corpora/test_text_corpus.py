import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from netseams.core import CorpusError
from netseams.corpora import CorpusConfig, StdlibConfig, TextConfig, TextCorpus, load_corpus
from netseams.corpora.documents import split_of
from netseams.corpora.tokenizer import END, train_tokenizer

SPLITS = ("train", "valid", "test")


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def open_text(path: Path, **options: object) -> TextCorpus:
    return TextCorpus(TextConfig(path=path, **{"d_vocab": 400, **options}))


@pytest.fixture(scope="module")
def tokenizer():
    code = """x=''; y=("", 's'); z={'t':[[]], "s": ((('')))}; it's=['t'] ☃ naïve\n"""
    return train_tokenizer(iter([code * 50, code[::-1] * 50]), 320)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder that is just long enough, quickly read."""
    folder = tmp_path / "small"
    folder.mkdir()
    for i in range(40):
        line = " ".join(str((i * 7919 + k * 104729) % 100_000) for k in range(250))
        (folder / f"part_{i:02d}.txt").write_text(line + "\n")
    return folder


def test_splits_share_no_file_and_miss_none(text_corpus: TextCorpus, text_folder: Path) -> None:
    names = {split: [d.name for d in text_corpus.documents(split)] for split in SPLITS}
    everything = [name for split in SPLITS for name in names[split]]
    assert sorted(everything) == sorted(path.name for path in text_folder.iterdir())
    assert len(everything) == len(set(everything))
    for split in SPLITS:
        assert all(split_of(name) == split for name in names[split])


@pytest.mark.parametrize("split", SPLITS)
def test_the_token_stream_is_the_documents_without_loss(
    text_corpus: TextCorpus, text_folder: Path, split: str
) -> None:
    tokens = np.asarray(text_corpus.tokens(split))
    end = text_corpus.tokenizer.token_to_id(END)
    assert tokens[-1] == end == 0
    stops = np.flatnonzero(tokens == end)
    starts = [0, *(stops[:-1] + 1)]
    texts = [
        text_corpus.tokenizer.decode(tokens[a:b].tolist())
        for a, b in zip(starts, stops, strict=True)
    ]
    names = sorted(p.name for p in text_folder.iterdir() if split_of(p.name) == split)
    assert texts == [(text_folder / name).read_text(encoding="utf-8") for name in names]


@given(text=st.text())
def test_any_text_survives_the_tokenizer(tokenizer, text: str) -> None:
    if END not in text:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


@given(text=st.text(alphabet="st =.:;\n'\"()[]{}é"))
def test_quotes_and_brackets_stand_alone(tokenizer, text: str) -> None:
    encoding = tokenizer.encode(text)
    pieces = [text[start:stop] for start, stop in encoding.offsets]
    marks = [piece for piece in pieces if set(piece) & set("'\"()[]{}")]
    assert marks == [c for c in text if c in "'\"()[]{}"]


@pytest.mark.parametrize("mark", "'\"()[]{}")
def test_a_mark_has_one_token(text_corpus: TextCorpus, mark: str) -> None:
    assert text_corpus.text_of(text_corpus.token_of(mark)) == mark


def test_a_text_of_many_tokens_is_no_token(text_corpus: TextCorpus) -> None:
    with pytest.raises(CorpusError, match=r"'\(\(' is 2 tokens"):
        text_corpus.token_of("((")


def test_the_vocabulary_is_learned_on_the_train_split_alone(tmp_path: Path) -> None:
    for i in range(40):
        word = "trainword" if split_of(f"{i:02d}.txt") == "train" else "heldoutword"
        (tmp_path / f"{i:02d}.txt").write_text(f"{word}\n{i} " * 400)
    corpus = open_text(tmp_path)
    assert len(corpus.tokenizer.encode("trainword").ids) == 1
    assert len(corpus.tokenizer.encode("heldoutword").ids) > 3


def test_tokens_lie_in_the_vocabulary(text_corpus: TextCorpus) -> None:
    assert text_corpus.d_vocab == 400
    assert max(int(text_corpus.tokens(split).max()) for split in SPLITS) < 400


@pytest.mark.parametrize("split", SPLITS)
def test_a_batch_is_windows_of_the_stream(text_corpus: TextCorpus, split: str) -> None:
    batch = text_corpus.batch(split, 50, 16, draws())
    assert batch.inputs.shape == batch.targets.shape == (50, 16)
    assert batch.inputs.dtype == batch.targets.dtype == torch.int64
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    stream = np.asarray(text_corpus.tokens(split)).astype("<u2").tobytes()
    for row, last in zip(batch.inputs, batch.targets[:, -1:], strict=True):
        window = torch.cat([row, last]).numpy().astype("<u2").tobytes()
        assert stream.find(window) >= 0


def test_batches_depend_on_their_generator_alone(text_corpus: TextCorpus) -> None:
    first = text_corpus.batch("train", 8, 16, draws(3))
    torch.manual_seed(99)
    text_corpus.batch("valid", 8, 16, draws(4))
    assert torch.equal(text_corpus.batch("train", 8, 16, draws(3)).inputs, first.inputs)
    assert not torch.equal(text_corpus.batch("train", 8, 16, draws(4)).inputs, first.inputs)
    going_on = draws(3)
    text_corpus.batch("train", 8, 16, going_on)
    assert not torch.equal(text_corpus.batch("train", 8, 16, going_on).inputs, first.inputs)


def test_windows_reach_both_ends_of_the_stream(small: Path) -> None:
    corpus = open_text(small)
    tokens = torch.from_numpy(np.asarray(corpus.tokens("test")).astype(np.int64))
    whole = corpus.batch("test", 3, len(tokens) - 1, draws())
    assert torch.equal(whole.inputs, tokens[:-1].expand(3, -1))
    assert torch.equal(whole.targets, tokens[1:].expand(3, -1))
    pairs = corpus.batch("test", 200, len(tokens) - 2, draws())
    assert {int(row[0]) for row in pairs.inputs} == {int(tokens[0]), int(tokens[1])}


def test_one_big_file_has_three_splits_of_pieces(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("".join(f"sentence {i} of the book\n" for i in range(20_000)))
    corpus = open_text(path)
    names = [{d.name for d in corpus.documents(split)} for split in SPLITS]
    assert all(names)
    assert sum(map(len, names)) == len(set.union(*names))
    texts = {d.name: d.text for split in SPLITS for d in corpus.documents(split)}
    pieces = [texts[f"book.txt#{i}"] for i in range(len(texts))]
    assert "".join(pieces) == path.read_text()


def test_opening_again_uses_the_cache(
    small: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_text(small)
    (folder,) = (cache / "corpora").glob(f"{first.fingerprint}-*")
    stamps = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert set(stamps) == {"facts.json", "tokenizer.json", "train.bin", "valid.bin", "test.bin"}

    def never(*args: object) -> None:
        raise AssertionError("tokenised again")

    monkeypatch.setattr("netseams.corpora.encoded.train_tokenizer", never)
    monkeypatch.setattr(TextCorpus, "_encode", never)
    again = open_text(small)
    assert again.fingerprint == first.fingerprint
    assert again.summary() == first.summary()
    assert np.array_equal(again.tokens("train"), first.tokens("train"))
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps


def test_the_fingerprint_belongs_to_the_content(small: Path, tmp_path: Path) -> None:
    first = open_text(small)
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(small, moved)
    assert open_text(moved).fingerprint == first.fingerprint
    found = {first.fingerprint}
    (moved / "part_07.txt").write_text((moved / "part_07.txt").read_text().replace("1", "2", 1))
    found.add(open_text(moved).fingerprint)
    (moved / "part_07.txt").rename(moved / "part_07b.txt")
    found.add(open_text(moved).fingerprint)
    (moved / "more.txt").write_text("more")
    found.add(open_text(moved).fingerprint)
    found.add(open_text(small, d_vocab=401).fingerprint)
    found.add(open_text(small, max_bytes=10**9).fingerprint)
    assert len(found) == 6


def test_a_change_is_tokenised_anew(small: Path) -> None:
    before = open_text(small)
    train = next(before.documents("train")).name
    (small / train).write_text("something else entirely\n" * 60)
    after = open_text(small)
    end = after.tokenizer.token_to_id(END)
    tokens = np.asarray(after.tokens("train"))
    first = tokens[: int(np.argmax(tokens == end))]
    assert after.tokenizer.decode(first.tolist()) == "something else entirely\n" * 60


def test_the_summary_counts(small: Path) -> None:
    corpus = open_text(small)
    facts = corpus.summary()
    files = list(small.iterdir())
    assert facts["n_files"] == 40
    assert facts["n_bytes"] == sum(path.stat().st_size for path in files)
    for split in SPLITS:
        assert facts[f"{split}_tokens"] == len(corpus.tokens(split))
        assert facts[f"{split}_documents"] == sum(split_of(p.name) == split for p in files)
    assert (facts["name"], facts["fingerprint"]) == ("text", corpus.fingerprint)


def make_missing(path: Path) -> None:
    assert not path.exists()


def make_empty_folder(path: Path) -> None:
    path.mkdir()


def make_empty_file(path: Path) -> None:
    path.write_bytes(b"")


def make_blank_files(path: Path) -> None:
    path.mkdir()
    for i in range(30):
        (path / f"{i}.txt").write_text("\n  \n")


def make_binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 1000)


def make_binaries(path: Path) -> None:
    path.mkdir()
    for i in range(30):
        (path / f"{i}.bin").write_bytes(bytes(range(256)) * 100)


def make_latin_1(path: Path) -> None:
    path.write_bytes(("naïve élan " * 9 + "\n").encode("latin-1") * 5000)


def make_short(path: Path) -> None:
    path.write_text("only this\n")


def make_one_split(path: Path) -> None:
    path.write_text("0123456789\n" * 2000)  # shorter than one piece


BAD = {
    make_missing: "does not exist",
    make_empty_folder: "holds no files",
    make_empty_file: "holds no UTF-8 text",
    make_blank_files: "holds no UTF-8 text",
    make_binary: "holds no UTF-8 text",
    make_binaries: "holds no UTF-8 text",
    make_latin_1: "holds no UTF-8 text",
    make_short: "too short",
    make_one_split: "too short: its .* split has 0 tokens, needs 2000",
}


@pytest.mark.parametrize(("make", "message"), BAD.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_bad_corpus_is_one_clear_line(tmp_path: Path, cache: Path, make, message: str) -> None:
    path = tmp_path / "corpus"
    make(path)
    before = set(os.listdir(cache / "corpora")) if (cache / "corpora").exists() else set()
    with pytest.raises(CorpusError, match=message) as caught:
        open_text(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    after = set(os.listdir(cache / "corpora")) if (cache / "corpora").exists() else set()
    assert after == before


def test_a_folder_that_lost_its_text_mid_way_leaves_nothing(
    small: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    (small / "new.txt").write_text("new")
    monkeypatch.setattr(TextCorpus, "_encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        open_text(small)
    monkeypatch.undo()
    assert not list((cache / "corpora").glob("*.tmp"))
    assert len(open_text(small).tokens("train")) > 2000


def test_the_standard_library(cache: Path) -> None:
    corpus = load_corpus(StdlibConfig(d_vocab=320, max_bytes=700_000))
    assert isinstance(corpus, TextCorpus)
    assert corpus.name == "stdlib"
    for split in SPLITS:
        for document in corpus.documents(split):
            assert document.name.endswith(".py")
            assert split_of(document.name) == split
        assert len(corpus.tokens(split)) >= 2000
    assert 700_000 <= corpus.summary()["n_bytes"] < 1_100_000


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"kind": "stdlib"}, StdlibConfig), ({"kind": "text", "path": "x"}, TextConfig)],
)
def test_a_config_is_told_apart_by_its_kind(given: dict, kind: type) -> None:
    adapter: TypeAdapter = TypeAdapter(CorpusConfig)
    assert type(adapter.validate_python(given)) is kind
    with pytest.raises(ValueError, match="kind"):
        adapter.validate_python({**given, "kind": "web"})


@pytest.mark.parametrize(
    ("name", "cut"), [("train.bin", 1001), ("train.bin", 1000), ("facts.json", 5), ("test.bin", 0)]
)
def test_a_damaged_cache_is_made_again(small: Path, cache: Path, name: str, cut: int) -> None:
    first = open_text(small)
    whole = np.array(first.tokens("train"))
    (folder,) = (cache / "corpora").glob(f"{first.fingerprint}-*")
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    (folder / name).write_bytes(content[: len(content) - cut] if cut else b"")
    again = open_text(small)
    assert np.array_equal(again.tokens("train"), whole)
    assert (folder / name).read_bytes() == content


def test_a_window_longer_than_a_split_is_refused(small: Path) -> None:
    corpus = open_text(small)
    length = len(corpus.tokens("valid"))
    with pytest.raises(CorpusError, match="fewer than one window"):
        corpus.batch("valid", 1, length, torch.Generator())
