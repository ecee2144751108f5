from dataclasses import fields
from pathlib import Path

import pytest
import torch

from netseams.corpora import TextCorpus
from netseams.store import load_tensors, save_tensors
from netseams.tasks import Task, build_task

NAME = "quote_close"
N_CTX = 32  # that of the fixture `text_folder`


def entry(cache: Path, corpus: TextCorpus) -> Path:
    (path,) = (cache / "tasks").glob(f"{corpus.fingerprint}-{NAME}-{N_CTX}-*")
    return path


def same(a: Task, b: Task) -> bool:
    facts = [f.name for f in fields(Task) if f.name not in ("candidates", "answers", "splits")]
    return (
        all(getattr(a, fact) == getattr(b, fact) for fact in facts)
        and torch.equal(a.candidates, b.candidates)
        and torch.equal(a.answers, b.answers)
        and list(a.splits) == list(b.splits)
        and all(
            torch.equal(getattr(a.splits[split], f.name), getattr(b.splits[split], f.name))
            for split in a.splits
            for f in fields(a.splits[split])
        )
    )


@pytest.fixture(scope="module")
def cut(text_corpus: TextCorpus, cache: Path) -> Task:
    """The task, cut freshly."""
    for path in (cache / "tasks").glob(f"*-{NAME}-*"):
        path.unlink()
    return build_task(NAME, text_corpus, N_CTX)


def test_a_cached_task_equals_the_fresh_one(
    cut: Task, text_corpus: TextCorpus, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = entry(cache, text_corpus).stat().st_mtime_ns

    def never(*args: object) -> None:
        raise AssertionError("cut again")

    monkeypatch.setattr(TextCorpus, "documents", never)
    assert same(build_task(NAME, text_corpus, N_CTX), cut)
    assert entry(cache, text_corpus).stat().st_mtime_ns == stamp


def test_other_windows_are_another_entry(cut: Task, text_corpus: TextCorpus) -> None:
    shorter = build_task(NAME, text_corpus, N_CTX - 8)
    assert shorter.splits["report"].clean.shape[1] == N_CTX - 8
    assert same(build_task(NAME, text_corpus, N_CTX), cut)


def replace(path: Path, data: bytes) -> None:
    path.unlink()  # tensors that were read may still be mapped to the old file
    path.write_bytes(data)


def truncated(path: Path) -> None:
    replace(path, path.read_bytes()[:1000])


def empty(path: Path) -> None:
    replace(path, b"")


def noise(path: Path) -> None:
    replace(path, b"\x00noise" * 500)


def no_facts(path: Path) -> None:
    save_tensors(path, load_tensors(path)[0], {})


def no_split(path: Path) -> None:
    tensors, header = load_tensors(path)
    del tensors["report.clean"]
    save_tensors(path, tensors, header)


@pytest.mark.parametrize("damage", [truncated, empty, noise, no_facts, no_split])
def test_a_damaged_entry_is_made_again(
    cut: Task, text_corpus: TextCorpus, cache: Path, damage
) -> None:
    whole = load_tensors(entry(cache, text_corpus))[0]
    damage(entry(cache, text_corpus))
    assert same(build_task(NAME, text_corpus, N_CTX), cut)
    again = load_tensors(entry(cache, text_corpus))[0]
    assert again.keys() == whole.keys()
    assert all(torch.equal(again[name], whole[name]) for name in whole)
