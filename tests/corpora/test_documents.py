import hashlib
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from netseams.core import CorpusError
from netseams.corpora.documents import (
    SKIPPED_IN_STDLIB,
    list_files,
    read_documents,
    split_of,
    stdlib_folder,
)


def fill(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}\n")


def relative(folder: Path, files: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files]


def test_files_come_sorted_whatever_the_order_of_creation(tmp_path: Path) -> None:
    names = ["b.py", "a/z.py", "a.py", "c/d/e.py", "B.py"]
    fill(tmp_path / "one", names)
    fill(tmp_path / "two", names[::-1])
    expected = sorted(names)
    assert relative(tmp_path / "one", list_files(tmp_path / "one", None)) == expected
    assert relative(tmp_path / "two", list_files(tmp_path / "two", None)) == expected


def test_hidden_files_and_other_suffixes_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, ["a.py", ".hidden.py", ".git/b.py", "c.txt", "d/e.pyc", "d/f.py"])
    assert relative(tmp_path, list_files(tmp_path, (".py",))) == ["a.py", "d/f.py"]


def test_a_file_is_a_corpus_of_one(tmp_path: Path) -> None:
    fill(tmp_path, ["a.txt"])
    assert list_files(tmp_path / "a.txt", None) == [tmp_path / "a.txt"]


@pytest.mark.parametrize("suffixes", [None, (".py",)])
def test_nothing_there(tmp_path: Path, suffixes: tuple[str, ...] | None) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        list_files(tmp_path / "none", suffixes)
    with pytest.raises(CorpusError, match=r"holds no (\.py )?files"):
        list_files(tmp_path, suffixes)


def test_splits_follow_the_name_alone() -> None:
    # sha256 of the name, first 4 bytes, modulo 100: below 70 train, below 85 valid, else test.
    names = [f"module_{i}.py" for i in range(4000)]
    for name in names[:200]:
        bucket = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 100
        assert split_of(name) == ("train" if bucket < 70 else "valid" if bucket < 85 else "test")
    shares = Counter(split_of(name) for name in names)
    for split, share in (("train", 0.7), ("valid", 0.15), ("test", 0.15)):
        assert shares[split] / len(names) == pytest.approx(share, abs=0.03)


def test_one_document_a_file_where_there_are_many(tmp_path: Path) -> None:
    names = [f"d{i % 3}/f{i:02d}.py" for i in range(25)]
    fill(tmp_path, names)
    files = list_files(tmp_path, None)
    documents = list(read_documents(tmp_path, files, None))
    assert [document.name for document in documents] == sorted(names)
    for document in documents:
        assert document.text == f"text of {document.name}\n"
        assert document.split == split_of(document.name)


def test_few_files_are_cut_into_pieces_at_line_ends(tmp_path: Path) -> None:
    text = "".join(f"line {i} naïve ☃ {'x' * (i % 90)}\n" for i in range(12_000))
    (tmp_path / "big.txt").write_bytes(text.encode())
    documents = list(read_documents(tmp_path / "big.txt", [tmp_path / "big.txt"], None))
    assert "".join(document.text for document in documents) == text
    assert [document.name for document in documents] == [
        f"big.txt#{i}" for i in range(len(documents))
    ]
    assert all(document.text.endswith("\n") for document in documents)
    assert all(30_000 < len(document.text.encode()) < 34_000 for document in documents[:-1])
    assert {document.split for document in documents} == {"train", "valid", "test"}


@pytest.mark.parametrize("n_files", [1, 25])
def test_what_is_no_text_is_passed_over(tmp_path: Path, n_files: int) -> None:
    fill(tmp_path, [f"f{i:02d}.txt" for i in range(n_files)])
    (tmp_path / "binary.bin").write_bytes(b"ab\0cd\n")
    (tmp_path / "latin.txt").write_bytes("naïve".encode("latin-1"))
    (tmp_path / "empty.txt").write_bytes(b"")
    documents = read_documents(tmp_path, list_files(tmp_path, None), None)
    assert {d.name.split("#")[0] for d in documents} == {f"f{i:02d}.txt" for i in range(n_files)}


@pytest.mark.parametrize("n_files", [1, 25])
def test_windows_line_ends_become_plain_ones(tmp_path: Path, n_files: int) -> None:
    for i in range(n_files):
        (tmp_path / f"f{i:02d}.txt").write_bytes(b"a\r\nb\r\n")
    documents = list(read_documents(tmp_path, list_files(tmp_path, None), None))
    assert {document.text for document in documents} == {"a\nb\n"}


def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    for i in range(30):
        (tmp_path / f"f{i:02d}.txt").write_text("x" * 100)
    files = list_files(tmp_path, None)
    assert len(list(read_documents(tmp_path, files, 1000))) == 10
    assert len(list(read_documents(tmp_path, files, 1001))) == 11


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot read .*gone\.txt"):
        list(read_documents(tmp_path, [tmp_path / "gone.txt"], None))


def test_the_standard_library_has_no_tests_and_no_packages() -> None:
    root = stdlib_folder()
    assert root == Path(sysconfig.get_paths()["stdlib"])
    files = relative(root, list_files(root, (".py",), SKIPPED_IN_STDLIB))
    assert len(files) > 300
    assert {"argparse.py", "json/decoder.py", "tokenize.py"} <= set(files)
    unwanted = {"test", "tests", "site-packages", "dist-packages", "__pycache__", "idlelib"}
    assert not any(unwanted & set(name.split("/")[:-1]) for name in files)


def test_only_the_standard_library_leaves_folders_out(tmp_path: Path) -> None:
    fill(tmp_path, ["tests/a.txt", "site-packages/b.txt", ".git/c.txt"])
    found = relative(tmp_path, list_files(tmp_path, None))
    assert found == ["site-packages/b.txt", "tests/a.txt"]


def test_a_file_that_turns_binary_late_is_left_out_whole(tmp_path: Path) -> None:
    (tmp_path / "late.txt").write_bytes(b"plain text\n" * 20_000 + b"\0" + b"text\n")
    (tmp_path / "good.txt").write_text("plain text\n")
    files = list_files(tmp_path, None)
    assert {d.name for d in read_documents(tmp_path, files, None)} == {"good.txt#0"}
