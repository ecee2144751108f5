"""Frozen configs, typed errors, seeds, devices and the registry. Imports nothing of ours."""

from netseams.core.config import Config
from netseams.core.devices import Device, device_named
from netseams.core.errors import (
    CircuitMismatchError,
    CorpusError,
    DivergedError,
    FileFormatError,
    ModelError,
    NetseamsError,
    ProcessLostError,
    RunFolderError,
    SettingError,
    StorageError,
    TaskError,
    UnknownNameError,
)
from netseams.core.registry import Registry
from netseams.core.seeds import generator, seed_from

__all__ = [
    "CircuitMismatchError",
    "Config",
    "CorpusError",
    "Device",
    "DivergedError",
    "FileFormatError",
    "ModelError",
    "NetseamsError",
    "ProcessLostError",
    "Registry",
    "RunFolderError",
    "SettingError",
    "StorageError",
    "TaskError",
    "UnknownNameError",
    "device_named",
    "generator",
    "seed_from",
]
