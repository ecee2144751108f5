"""`quote_close` and `bracket_close`, checked against a scan of the files they were cut from."""

from pathlib import Path

import pytest
import torch
from python_scanner import closed_by

from netseams.core import TaskError, UnknownNameError
from netseams.corpora import TextConfig, TextCorpus
from netseams.corpora.documents import split_of
from netseams.tasks import Task, build_task, task_names
from netseams.tasks.base import enough

N_CTX = 32  # that of the fixture `text_folder`
MARKS = {"quote_close": "'\"", "bracket_close": "(["}
CLOSERS = {"'": "'", '"': '"', "(": ")", "[": "]"}
SIZES = {"mask_train": 384, "select": 128, "report": 256}
SOURCES = {"mask_train": "valid", "select": "valid", "report": "test"}


@pytest.fixture(scope="module", params=MARKS)
def task(request: pytest.FixtureRequest, text_corpus: TextCorpus) -> Task:
    return build_task(request.param, text_corpus, N_CTX)


@pytest.fixture(scope="module")
def files(text_folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(text_folder.iterdir())}


@pytest.fixture(scope="module")
def scans(files: dict[str, str]) -> dict[str, tuple[dict[int, int], dict[int, int]]]:
    return {name: closed_by(text) for name, text in files.items()}


def places(window: str, files: dict[str, str], split: str) -> list[tuple[str, int]]:
    """Where a window stands in the files of a split: name, and offset behind its end."""
    found: list[tuple[str, int]] = []
    for name, text in files.items():
        at = text.find(window) if split_of(name) == split else -1
        while at >= 0:
            found.append((name, at + len(window)))
            at = text.find(window, at + 1)
    return found


def decoded(corpus: TextCorpus, row: torch.Tensor) -> str:
    """The text of a window; a character cut by its start is left out."""
    return corpus.tokenizer.decode(row.tolist()).lstrip("�")


def test_shapes_and_sizes(task: Task) -> None:
    assert task.answers.tolist() == [N_CTX - 1]
    assert task.candidates.shape == (2,)
    for split, size in SIZES.items():
        examples = task.splits[split]
        assert len(examples) == size
        assert examples.clean.shape == examples.corrupt.shape == (size, N_CTX)
        assert examples.clean_targets.shape == examples.corrupt_targets.shape == (size, 1)


def test_candidates_are_the_closing_marks(task: Task, text_corpus: TextCorpus) -> None:
    texts = [text_corpus.text_of(int(token)) for token in task.candidates]
    assert texts == [CLOSERS[mark] for mark in MARKS[task.name]]


def test_floors_are_those_of_a_coin(task: Task) -> None:
    assert task.floor_accuracy == 0.5
    assert task.floor_loss == pytest.approx(0.6931471805599453)


@pytest.mark.parametrize("split", SIZES)
def test_both_kinds_are_equally_frequent(task: Task, split: str) -> None:
    examples = task.splits[split]
    for targets in (examples.clean_targets, examples.corrupt_targets):
        assert torch.bincount(targets.flatten()).tolist() == [SIZES[split] // 2] * 2
    assert torch.equal(examples.clean_targets, 1 - examples.corrupt_targets)


@pytest.mark.parametrize("split", SIZES)
def test_kinds_are_shuffled(task: Task, split: str) -> None:
    kinds = task.splits[split].clean_targets.flatten()
    changes = int((kinds[1:] != kinds[:-1]).sum())
    assert changes == pytest.approx(len(kinds) / 2, abs=4 * len(kinds) ** 0.5 / 2)


@pytest.mark.parametrize("split", SIZES)
def test_a_pair_differs_in_the_opening_mark_alone(
    task: Task, text_corpus: TextCorpus, split: str
) -> None:
    openers = [text_corpus.token_of(mark) for mark in MARKS[task.name]]
    examples = task.splits[split]
    differs = examples.clean != examples.corrupt
    assert differs.sum(1).tolist() == [1] * len(examples)
    for tokens, targets in (
        (examples.clean, examples.clean_targets),
        (examples.corrupt, examples.corrupt_targets),
    ):
        assert tokens[differs].tolist() == [openers[kind] for kind in targets.flatten().tolist()]


@pytest.mark.parametrize("split", SIZES)
def test_the_files_confirm_every_answer(
    task: Task, text_corpus: TextCorpus, files: dict[str, str], scans: dict, split: str
) -> None:
    examples = task.splits[split]
    kind_of_scan = 0 if task.name == "quote_close" else 1
    for clean, corrupt, target in zip(
        examples.clean, examples.corrupt, examples.clean_targets.flatten().tolist(), strict=True
    ):
        opening = int((clean != corrupt).nonzero())
        window, closer = decoded(text_corpus, clean), CLOSERS[MARKS[task.name][target]]
        behind = len(decoded(text_corpus, clean[opening:]))
        confirmed = [
            name
            for name, end in places(window, files, SOURCES[split])
            if files[name][end] == closer and scans[name][kind_of_scan].get(end) == end - behind
        ]
        assert confirmed, window


def test_no_file_serves_two_splits(
    task: Task, text_corpus: TextCorpus, files: dict[str, str]
) -> None:
    serves: dict[str, set[str]] = {}
    for split in SIZES:
        for row in task.splits[split].clean:
            found = places(decoded(text_corpus, row), files, SOURCES[split])
            if len(found) == 1:
                serves.setdefault(found[0][0], set()).add(split)
    assert all(len(splits) == 1 for splits in serves.values())
    used = {split: sum(splits == {split} for splits in serves.values()) for split in SIZES}
    assert used == {"mask_train": 7, "select": 7, "report": 8}


def test_no_window_twice(task: Task) -> None:
    rows = torch.cat([task.splits[split].clean for split in SIZES])
    assert len(torch.unique(rows, dim=0)) > 0.99 * len(rows)


@pytest.mark.parametrize("split", SIZES)
def test_windows_hold_no_other_quote(text_corpus: TextCorpus, split: str) -> None:
    examples = build_task("quote_close", text_corpus, N_CTX).splits[split]
    for rows in (examples.clean, examples.corrupt):
        for row in rows:
            text = decoded(text_corpus, row)
            assert text.count("'") + text.count('"') == 1


@pytest.mark.parametrize("split", SIZES)
def test_the_bracket_asked_for_is_the_innermost_open_one(
    text_corpus: TextCorpus, split: str
) -> None:
    examples = build_task("bracket_close", text_corpus, N_CTX).splits[split]
    for clean, corrupt in zip(examples.clean, examples.corrupt, strict=True):
        opening = int((clean != corrupt).nonzero())
        inside = decoded(text_corpus, clean[opening + 1 :])
        depth = 0
        for c in inside:
            depth += (c in "([{") - (c in ")]}")
            assert depth >= 0, inside
        assert depth == 0, inside
        assert inside


def test_rows_are_clean_then_corrupt(task: Task) -> None:
    examples = task.splits["select"]
    tokens, targets = task.rows("select")
    assert torch.equal(tokens, torch.cat([examples.clean, examples.corrupt]))
    assert torch.equal(targets, torch.cat([examples.clean_targets, examples.corrupt_targets]))


def test_candidate_logits_are_columns(task: Task) -> None:
    logits = torch.randn(3, 1, 400)
    expected = torch.stack([logits[..., int(token)] for token in task.candidates], dim=-1)
    assert torch.equal(task.candidate_logits(logits), expected)


def test_names_of_tasks(text_corpus: TextCorpus) -> None:
    assert task_names(text_corpus) == ["quote_close", "bracket_close"]


def test_an_unknown_task(text_corpus: TextCorpus) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'quote_clos': did you mean"):
        build_task("quote_clos", text_corpus, N_CTX)
    with pytest.raises(TaskError, match="task reverse needs the corpus string_ops, not text"):
        build_task("reverse", text_corpus, N_CTX)


@pytest.mark.parametrize("name", MARKS)
def test_too_small_a_corpus_says_what_is_missing(tmp_path: Path, python_source, name: str) -> None:
    for i in range(30):
        (tmp_path / f"m{i:02d}.py").write_text(python_source(i)[:4_000])
    corpus = TextCorpus(TextConfig(path=tmp_path, d_vocab=400))
    with pytest.raises(TaskError) as caught:
        build_task(name, corpus, N_CTX)
    message = str(caught.value)
    assert f"task {name}: the corpus yields " in message
    assert "for its mask_train split, needs 192" in message
    assert "\n" not in message


def test_a_corpus_that_is_a_little_small_gives_what_it_has() -> None:
    assert [enough("t", "mask_train", n) for n in (192, 301, 384, 5000)] == [192, 300, 384, 384]
    with pytest.raises(TaskError, match="yields 191 examples for its mask_train split, needs 192"):
        enough("t", "mask_train", 191)


def test_prose_has_no_strings_to_close(tmp_path: Path) -> None:
    for i in range(30):
        text = "".join(f'It isn\'t ({i}) a "program" but {k}\n' for k in range(200))
        (tmp_path / f"m{i:02d}.txt").write_text(text)
    corpus = TextCorpus(TextConfig(path=tmp_path, d_vocab=400))
    with pytest.raises(TaskError, match="quote_close: the corpus yields 0 examples"):
        build_task("quote_close", corpus, N_CTX)
