"""Atomic writes and readers that say what is wrong."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netseams.core import FileFormatError, StorageError

_UNUSABLE = (
    errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR,
    errno.ENAMETOOLONG, errno.ENOTEMPTY,
)  # fmt: skip


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a read-only folder into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"no space left to write {path}: free some and run the same command again; "
                "finished work is kept"
            ) from None
        if error.errno in _UNUSABLE:
            raise StorageError(
                f"cannot write {path}: {error.strerror}; choose another folder"
            ) from None
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write to a temporary name, flush, rename: a reader sees the old file or the new one.

    Raises:
        StorageError: no space, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for UTF-8 text."""
    write_bytes(path, text.encode())


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Append one JSON object as a line (JSONL). A last line cut by a kill is dropped first."""
    line = json.dumps(row, separators=(",", ":")) + "\n"
    with storage_errors(path), path.open("a+b") as handle:
        if handle.tell():
            handle.seek(-1, os.SEEK_END)
            if handle.read(1) != b"\n":
                handle.seek(0)
                handle.truncate(handle.read().rfind(b"\n") + 1)
        handle.write(line.encode())


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write JSON lines, atomically."""
    lines = (json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    write_text(path, "".join(lines))


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        FileFormatError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror}") from None


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines. A last line cut by a kill is dropped; any other damage is an error."""
    lines = read_bytes(path).decode("utf-8", errors="replace").splitlines()
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            if number == len(lines):
                break
            raise FileFormatError(f"{path} line {number} is not JSON") from None
    return rows
