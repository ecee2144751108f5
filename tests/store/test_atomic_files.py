import errno
import os
from pathlib import Path

import pytest

from netseams.core import FileFormatError, StorageError
from netseams.store import append_line, read_bytes, read_jsonl, write_bytes, write_text


def failing(code: int):
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_write_creates_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "data.bin"
    write_bytes(path, b"old")
    write_bytes(path, b"\x00new\xff")
    assert path.read_bytes() == b"\x00new\xff"
    assert os.listdir(path.parent) == ["data.bin"]


def test_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "naïve ☃\n")
    assert (tmp_path / "a.txt").read_bytes() == "naïve ☃\n".encode()


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "data.bin"
    write_bytes(path, b"old")
    monkeypatch.setattr(step, failing(errno.ENOSPC))
    with pytest.raises(StorageError) as caught:
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["data.bin"]
    assert caught.value.exit_code == 74
    assert str(path) in str(caught.value)
    assert "no space left" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_new_file_is_complete_on_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.bin"
    write_bytes(path, b"old")
    seen: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(handle: int) -> None:
        assert os.fstat(handle).st_size == len(b"newer")
        seen.append("fsync")
        fsync(handle)

    def watched_replace(self: Path, target: Path) -> Path:
        assert self.read_bytes() == b"newer"
        assert target.read_bytes() == b"old"
        seen.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    write_bytes(path, b"newer")
    assert seen == ["fsync", "replace"]
    assert path.read_bytes() == b"newer"


def test_a_kill_in_the_middle_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.bin"
    write_bytes(path, b"old")

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["data.bin"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Path, "open", failing(code))
    with pytest.raises(StorageError, match=r"cannot write .*data\.bin: .*choose another folder"):
        write_bytes(tmp_path / "data.bin", b"x")
    with pytest.raises(StorageError, match=r"cannot write .*rows\.jsonl"):
        append_line(tmp_path / "rows.jsonl", {"a": 1})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="choose another folder"):
            write_bytes(tmp_path / "data.bin", b"x")
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="choose another folder"):
        write_bytes(tmp_path / "file" / "data.bin", b"x")
    with pytest.raises(StorageError, match="choose another folder"):
        write_bytes(tmp_path / "file" / "deeper" / "data.bin", b"x")


def test_other_errors_are_not_disguised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        write_bytes(tmp_path / "data.bin", b"x")


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_reading_names_the_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thing"
    if kind == "folder":
        path.mkdir()
    with pytest.raises(FileFormatError, match=r"cannot read .*thing: "):
        read_bytes(path)


def test_rows_come_back(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"step": 1, "loss": 0.1 + 0.2}, {"step": 2, "note": "naïve\u2028\nline"}]
    for row in rows:
        append_line(path, row)
    assert read_jsonl(path) == rows
    assert path.read_text().count("\n") == 2


@pytest.mark.parametrize("cut", range(1, len('{"step":2,"loss":0.25}\n')))
def test_a_last_line_cut_by_a_kill_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "rows.jsonl"
    for step in (1, 2):
        append_line(path, {"step": step, "loss": 0.25})
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    rows = read_jsonl(path)
    assert rows[0] == {"step": 1, "loss": 0.25}
    assert rows[1:] == ([{"step": 2, "loss": 0.25}] if cut == 1 else [])


def test_damage_before_the_last_line_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a":1}\n{"a":\n{"a":3}\n')
    with pytest.raises(FileFormatError, match=r"rows\.jsonl line 2 is not JSON"):
        read_jsonl(path)


def test_bytes_that_are_no_text_do_not_crash_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":1}\n\xff\xfe\x00\n{"a":2}\n')
    with pytest.raises(FileFormatError, match="line 2"):
        read_jsonl(path)


def test_a_row_after_a_cut_line_does_not_glue_to_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_line(path, {"n": 1})
    with path.open("a") as handle:
        handle.write('{"n": 2, "cu')
    append_line(path, {"n": 3})
    assert read_jsonl(path) == [{"n": 1}, {"n": 3}]


def test_a_folder_in_the_place_of_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="choose another folder"):
        write_text(tmp_path / "taken", "x")
