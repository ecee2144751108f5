"""Files: atomic writes, safe tensor files, run folders, provenance."""

from netseams.store.files import (
    append_line,
    read_bytes,
    read_jsonl,
    write_bytes,
    write_jsonl,
    write_text,
)
from netseams.store.folders import WorkFolder, cache_folder
from netseams.store.pickles import load_pickled, load_pickled_tensors
from netseams.store.provenance import Provenance, provenance
from netseams.store.tensors import load_format, load_tensors, read_tensor_header, save_tensors

__all__ = [
    "Provenance",
    "WorkFolder",
    "append_line",
    "cache_folder",
    "load_format",
    "load_pickled",
    "load_pickled_tensors",
    "load_tensors",
    "provenance",
    "read_bytes",
    "read_jsonl",
    "read_tensor_header",
    "save_tensors",
    "write_bytes",
    "write_jsonl",
    "write_text",
]
