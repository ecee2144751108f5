"""A corpus of small generated Python programs, deterministic by seed."""

import hashlib
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from netseams.core import Config, seed_from
from netseams.corpora.base import Split
from netseams.corpora.documents import Document
from netseams.corpora.encoded import DocumentCorpus
from netseams.corpora.tiny_programs import write_program

_GENERATOR_VERSION = 1
"""Raise it when a seed gives another program."""


class TinyPythonConfig(Config):
    """How many programs are written; one has about 110 tokens."""

    kind: Literal["tiny_python"] = "tiny_python"
    n_train: int = Field(default=16_000, ge=100)
    n_held_out: int = Field(default=5_000, ge=100)
    """Programs of the valid split, and of the test split."""
    d_vocab: int = Field(default=640, ge=300, le=65_536)
    seed: int = Field(default=0, ge=0)


class TinyPython(DocumentCorpus):
    """Programs that hold every construct of the twenty tasks, with known answers."""

    def __init__(self, config: TinyPythonConfig) -> None:
        self.config = config
        version = f"{config.model_dump_json()}-v{_GENERATOR_VERSION}"
        fingerprint = hashlib.sha256(version.encode()).hexdigest()[:16]
        super().__init__(config.kind, config.kind, fingerprint, config.d_vocab)

    def every_document(self) -> Iterator[Document]:
        for split in ("train", "valid", "test"):
            yield from self.documents(split)

    def documents(self, split: Split) -> Iterator[Document]:
        n = self.config.n_train if split == "train" else self.config.n_held_out
        for number in range(n):
            name = f"{split}_{number:06d}.py"
            yield Document(name, split, write_program(seed_from(self.config.seed, name)))

    def sources(self) -> dict[str, int]:
        return {"n_programs": self.config.n_train + 2 * self.config.n_held_out}
