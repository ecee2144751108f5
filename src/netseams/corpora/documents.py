"""Walking text files in a deterministic order, one document in memory at a time."""

import codecs
import hashlib
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netseams.core import CorpusError
from netseams.corpora.base import Split

# Absent from many distributions' builds, or generated; leaving them out keeps the corpus alike
# from one machine to the next.
SKIPPED_IN_STDLIB = frozenset({
    "test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__", "lib2to3",
    "idlelib", "turtledemo", "ensurepip", "lib-dynload",
})  # fmt: skip
_PIECE = 32_768
_FEW_FILES = 20


@dataclass(frozen=True)
class Document:
    """A piece of text, and the split that it belongs to."""

    name: str
    split: Split
    text: str


def stdlib_folder() -> Path:
    """The running interpreter's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def list_files(
    root: Path, suffixes: tuple[str, ...] | None, skip: frozenset[str] = frozenset()
) -> list[Path]:
    """Files below `root` (or `root` itself), sorted by relative path; hidden ones are left out.

    Args:
        skip: names of folders to leave out.

    Raises:
        CorpusError: nothing is there.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise CorpusError(f"corpus {root} does not exist: give a file or a folder of text")
    found = [
        path
        for path in root.rglob("*")
        if path.is_file()
        and (suffixes is None or path.suffix in suffixes)
        and not skip.intersection(path.relative_to(root).parts[:-1])
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    if not found:
        kind = "" if suffixes is None else f" {'/'.join(suffixes)}"
        raise CorpusError(f"corpus {root} holds no{kind} files: give a folder of text")
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def read_documents(root: Path, files: list[Path], max_bytes: int | None) -> Iterator[Document]:
    """Documents in order; undecodable and binary files are passed over.

    A document is a file. Where there are fewer than 20 files they are cut at line ends into
    pieces of about 32 KiB, so that even one file has three splits.
    """
    base = root if root.is_dir() else root.parent
    read = 0
    for path in files:
        name = path.relative_to(base).as_posix()
        pieces = _pieces(path) if len(files) < _FEW_FILES else _whole(path)
        for number, text in enumerate(pieces):
            piece = f"{name}#{number}" if len(files) < _FEW_FILES else name
            yield Document(piece, split_of(piece), text)
            read += len(text.encode())
            if max_bytes is not None and read >= max_bytes:
                return


def split_of(name: str) -> Split:
    """Train 70 %, valid 15 %, test 15 %, by a hash of the document's name."""
    bucket = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100
    return "train" if bucket < 70 else "valid" if bucket < 85 else "test"


def _whole(path: Path) -> Iterator[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from None
    if b"\0" in data:
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    if text.strip():
        yield text.replace("\r\n", "\n")


def _pieces(path: Path) -> Iterator[str]:
    if _is_binary(path):
        return
    try:
        with path.open("rb") as handle:
            while lines := handle.readlines(_PIECE):
                yield b"".join(lines).decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from None


def _is_binary(path: Path) -> bool:
    """Whether any of the file is not UTF-8 text, read a block at a time."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as handle:
            while block := handle.read(1 << 20):
                if b"\0" in block:
                    return True
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return True
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from None
    return False
