"""Text from files: the standard library's source, or the user's own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from netseams.core import Config, CorpusError
from netseams.corpora.documents import (
    SKIPPED_IN_STDLIB,
    Document,
    list_files,
    read_documents,
    stdlib_folder,
)
from netseams.corpora.encoded import DocumentCorpus
from netseams.corpora.tokenizer import TokenizerName


class StdlibConfig(Config):
    """The source of the running interpreter's standard library."""

    kind: Literal["stdlib"] = "stdlib"
    d_vocab: int = Field(default=1024, ge=300, le=65_536)
    tokenizer: TokenizerName = "own"
    max_bytes: int | None = Field(default=None, ge=1)


class TextConfig(Config):
    """Any file or folder of UTF-8 text."""

    kind: Literal["text"] = "text"
    path: Path
    d_vocab: int = Field(default=1024, ge=300, le=65_536)
    tokenizer: TokenizerName = "own"
    max_bytes: int | None = Field(default=None, ge=1)


class TextCorpus(DocumentCorpus):
    """Files, cached by their content.

    Raises:
        CorpusError: missing, empty, binary, or shorter than 2,000 tokens in some split.
    """

    def __init__(self, config: StdlibConfig | TextConfig) -> None:
        self.config = config
        self.root = stdlib_folder() if isinstance(config, StdlibConfig) else config.path
        suffixes = (".py",) if isinstance(config, StdlibConfig) else None
        skip = SKIPPED_IN_STDLIB if isinstance(config, StdlibConfig) else frozenset()
        self._files = list_files(self.root, suffixes, skip)
        super().__init__(
            config.kind, str(self.root), self._content_hash(), config.d_vocab, config.tokenizer
        )

    def every_document(self) -> Iterator[Document]:
        return read_documents(self.root, self._files, self.config.max_bytes)

    def sources(self) -> dict[str, int]:
        return {"n_files": len(self._files)}

    def _content_hash(self) -> str:
        digest = hashlib.sha256(self.config.model_dump_json(exclude={"path"}).encode())
        base = self.root if self.root.is_dir() else self.root.parent
        for path in self._files:
            digest.update(path.relative_to(base).as_posix().encode())
            try:
                with path.open("rb") as handle:
                    digest.update(hashlib.file_digest(handle, "sha256").digest())
            except OSError as error:
                raise CorpusError(f"cannot read {path}: {error.strerror}") from None
        return digest.hexdigest()[:16]
