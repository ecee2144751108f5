from pathlib import Path

import pytest

from netseams.core import Config, RunFolderError, StorageError
from netseams.store import WorkFolder, cache_folder, provenance


class Settings(Config):
    seed: int = 0


def test_a_new_folder_is_claimed_and_claimed_again(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "a" / "run")
    work.claim(Settings(seed=3))
    (work / "metrics.jsonl").write_text("{}\n")
    work.claim(Settings(seed=3))
    assert Settings.read(work / "config.json") == Settings(seed=3)
    assert (work / "metrics.jsonl").read_text() == "{}\n"


def test_an_empty_folder_is_claimed(tmp_path: Path) -> None:
    WorkFolder(tmp_path).claim(Settings())
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_other_settings_are_refused_and_change_nothing(tmp_path: Path) -> None:
    WorkFolder(tmp_path).claim(Settings(seed=3))
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(RunFolderError, match="other settings") as caught:
        WorkFolder(tmp_path).claim(Settings(seed=4))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize("foreign", ["thesis.txt", ".hidden", "model.safetensors"])
def test_foreign_files_are_left_alone(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).write_text("mine")
    with pytest.raises(RunFolderError, match="not empty"):
        WorkFolder(tmp_path).claim(Settings())
    assert [path.name for path in tmp_path.iterdir()] == [foreign]


def test_a_file_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text("mine")
    with pytest.raises(RunFolderError, match="is a file: expected a folder"):
        WorkFolder(path).claim(Settings())
    assert path.read_text() == "mine"


def test_a_file_above_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="choose another folder"):
        WorkFolder(tmp_path / "file" / "run").claim(Settings())


def test_a_claim_that_was_killed_can_be_repeated(tmp_path: Path, monkeypatch) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            WorkFolder(tmp_path / "run").claim(Settings())
    WorkFolder(tmp_path / "run").claim(Settings(seed=9))
    assert Settings.read(tmp_path / "run" / "config.json").seed == 9


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NETSEAMS_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("NETSEAMS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "netseams"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "netseams"


def test_provenance_records_what_it_was_told_and_no_path(tmp_path: Path) -> None:
    facts = provenance(threads_per_worker=1, n_workers=2)
    assert (facts.threads_per_worker, facts.n_workers) == (1, 2)
    assert facts.n_cores >= 1
    assert facts.commit is None or len(facts.commit) == 40
    assert (facts.commit is None) == (facts.modified is None)
    assert str(Path.home()) not in facts.model_dump_json()
