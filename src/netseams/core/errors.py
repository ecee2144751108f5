"""Typed errors. Each message is one line: what was expected, what came, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class NetseamsError(Exception):
    """Base of every error a user can cause or meet. The command line prints it as one line."""

    exit_code = 2


class SettingError(NetseamsError):
    """A setting is impossible or contradicts another one."""


class UnknownNameError(NetseamsError):
    """A preset, task, corpus or site that does not exist."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.known = sorted(known)
        near = get_close_matches(name, self.known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        super().__init__(f"unknown {what} {name!r}: {hint}known: {', '.join(self.known)}")


class CorpusError(NetseamsError):
    """A corpus that is empty, binary, unreadable or too short."""


class TaskError(NetseamsError):
    """A task for which the corpus does not hold enough examples."""


class ModelError(NetseamsError):
    """A model that cannot be used as it is: no adapter, quantised, or it computes NaN."""


class FileFormatError(NetseamsError):
    """A file that is missing, truncated, of another format or of a newer version."""


class CircuitMismatchError(NetseamsError):
    """A circuit applied to a model it was not found in."""


class RunFolderError(NetseamsError):
    """An output folder that belongs to something else."""


class StorageError(NetseamsError):
    """The disk is full or the folder cannot be written."""

    exit_code = 74  # EX_IOERR in sysexits.h


class DivergedError(NetseamsError):
    """Training produced a loss that is not a number."""

    exit_code = 3


class ProcessLostError(NetseamsError):
    """Another process of a run on several has ended."""

    exit_code = 75  # EX_TEMPFAIL in sysexits.h: try again
