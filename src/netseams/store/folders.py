"""Folders that know what they hold."""

import os
from pathlib import Path

from netseams.core import Config, RunFolderError
from netseams.store.files import storage_errors, write_text


class WorkFolder:
    """A folder that belongs to exactly one config.

    The config is written beside the results, so that a second command with other settings is
    refused instead of mixing two runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def claim(self, config: Config) -> None:
        """Take the folder for `config`, or confirm that it already is that config's.

        Raises:
            RunFolderError: the folder holds another run, or files that are not a run's.
            StorageError: it cannot be written.
        """
        if self.check(config):
            return
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / "config.json", config.model_dump_json(indent=2))

    def check(self, config: Config) -> bool:
        """Whether the folder already is that config's; writes nothing.

        Raises:
            RunFolderError: the folder holds another run, or files that are not a run's.
        """
        marker = self.path / "config.json"
        text = config.model_dump_json(indent=2)
        if self.path.is_file():
            raise RunFolderError(f"{self.path} is a file: expected a folder; choose another --out")
        if marker.exists():
            if marker.read_text(encoding="utf-8") != text:
                raise RunFolderError(
                    f"{self.path} holds a run with other settings (see {marker}): "
                    "choose another --out, or repeat that run's settings to resume it"
                )
            return True
        if self.path.exists() and any(not _is_ours(path) for path in self.path.iterdir()):
            raise RunFolderError(
                f"{self.path} is not empty and holds no run of ours: choose a new or empty --out"
            )
        return False

    def __truediv__(self, name: str) -> Path:
        return self.path / name


def _is_ours(path: Path) -> bool:
    """A temporary file that a kill left behind."""
    return path.name.startswith(".") and path.suffix == ".tmp"


def cache_folder() -> Path:
    """Where derived data is kept between runs: $NETSEAMS_CACHE, else the user's cache folder."""
    base = os.environ.get("NETSEAMS_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "netseams"
