"""Documents tokenised once into memory-mapped arrays: what every corpus of documents shares."""

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from netseams.core import CorpusError
from netseams.corpora.base import Batch, Split
from netseams.corpora.documents import Document
from netseams.corpora.tokenizer import END, TokenizerName, make_tokenizer, read_tokenizer
from netseams.store import cache_folder, write_text
from netseams.store.files import storage_errors

_SPLITS: tuple[Split, ...] = ("train", "valid", "test")
_TOKENIZER_BYTES = 50_000_000
_SHORTEST = 2_000
_CACHE_VERSION = 1
"""Raise it when the way documents are cut or stored changes."""


class DocumentCorpus(ABC):
    """Token arrays of the three splits, and the documents they came from.

    Documents are read twice (once for the tokenizer, once to encode) but never held together
    in memory; token arrays are memory-mapped.

    Args:
        where: what errors call the corpus.
        fingerprint: hash of everything that decides the documents.

    Raises:
        CorpusError: empty, or shorter than 2,000 tokens in some split.
    """

    def __init__(
        self,
        name: str,
        where: str,
        fingerprint: str,
        d_vocab: int,
        tokenizer: TokenizerName = "own",
    ) -> None:
        self.name = name
        self.where = where
        self.fingerprint = fingerprint
        self.d_vocab = d_vocab
        folder = cache_folder() / "corpora" / f"{fingerprint}-v{_CACHE_VERSION}"
        if _facts_of(folder) is None:
            self._build(folder, tokenizer)
        self._facts = _facts_of(folder) or {}
        self.tokenizer: Tokenizer = read_tokenizer(folder / "tokenizer.json")
        self._tokens = {s: np.memmap(folder / f"{s}.bin", np.uint16, "r") for s in _SPLITS}

    @abstractmethod
    def every_document(self) -> Iterator[Document]:
        """The documents of all splits, in a fixed order."""

    @abstractmethod
    def sources(self) -> dict[str, int]:
        """How many sources the documents come from, by their kind."""

    def documents(self, split: Split) -> Iterator[Document]:
        """The documents of one split, in order."""
        return (document for document in self.every_document() if document.split == split)

    def tokens(self, split: Split) -> np.memmap:
        """All tokens of a split, documents separated by `END`."""
        return self._tokens[split]

    def batch(self, split: Split, size: int, length: int, draws: torch.Generator) -> Batch:
        """Random windows of the split's token stream."""
        tokens = self._tokens[split]
        if len(tokens) <= length:
            raise CorpusError(
                f"the {split} split of {self.where} has {len(tokens)} tokens, fewer than one "
                f"window of {length}; add more text"
            )
        starts = torch.randint(0, len(tokens) - length, (size,), generator=draws).numpy()
        windows = tokens[starts[:, None] + np.arange(length + 1)]
        both = torch.from_numpy(windows.astype(np.int64))
        return Batch(both[:, :-1].contiguous(), both[:, 1:].contiguous())

    def text_of(self, token: int) -> str:
        return self.tokenizer.decode([token], skip_special_tokens=False)

    def token_of(self, text: str) -> int:
        """The id of a text that is exactly one token.

        Raises:
            CorpusError: it is none.
        """
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) != 1:
            raise CorpusError(f"{text!r} is {len(ids)} tokens in this corpus's vocabulary, not one")
        return ids[0]

    @property
    def end(self) -> int:
        """The token between documents."""
        return self.token_of(END)

    def summary(self) -> dict[str, str | int]:
        return {"name": self.name, "fingerprint": self.fingerprint, "d_vocab": self.d_vocab,
                **self._facts}  # fmt: skip

    def _build(self, folder: Path, name: TokenizerName) -> None:
        """Tokenise into a private folder, then move it into place in one step."""
        shutil.rmtree(folder, ignore_errors=True)  # whatever is there is damaged
        building = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
        with storage_errors(building):
            building.mkdir(parents=True, exist_ok=True)
        try:
            tokenizer = make_tokenizer(name, self._tokenizer_texts(), self.d_vocab)
            facts = self._encode(building, tokenizer)
            self._check_long_enough(facts)
            write_text(building / "tokenizer.json", tokenizer.to_str())
            write_text(building / "facts.json", json.dumps(facts))
            with storage_errors(folder):
                try:
                    building.rename(folder)
                except OSError:
                    if _facts_of(folder) is None:  # else another process was faster
                        raise
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _tokenizer_texts(self) -> Iterator[str]:
        read = 0
        for document in self.documents("train"):
            yield document.text
            read += len(document.text)
            if read > _TOKENIZER_BYTES:
                return

    def _encode(self, folder: Path, tokenizer: Tokenizer) -> dict[str, int]:
        facts: dict[str, int] = {**self.sources(), "n_bytes": 0}
        facts |= {f"{s}_tokens": 0 for s in _SPLITS} | {f"{s}_documents": 0 for s in _SPLITS}
        end = tokenizer.token_to_id(END)
        handles = {s: (folder / f"{s}.bin").open("wb") for s in _SPLITS}
        try:
            for document in self.every_document():
                ids = [*tokenizer.encode(document.text).ids, end]
                with storage_errors(folder):
                    handles[document.split].write(np.array(ids, np.uint16).tobytes())
                facts["n_bytes"] += len(document.text.encode())
                facts[f"{document.split}_tokens"] += len(ids)
                facts[f"{document.split}_documents"] += 1
        finally:
            for handle in handles.values():
                with storage_errors(folder):
                    handle.close()
        return facts

    def _check_long_enough(self, facts: dict[str, int]) -> None:
        if facts["n_bytes"] == 0:
            raise CorpusError(
                f"corpus {self.where} holds no UTF-8 text: expected text, found only empty or "
                "binary files"
            )
        for split in _SPLITS:
            if facts[f"{split}_tokens"] < _SHORTEST:
                raise CorpusError(
                    f"corpus {self.where} is too short: its {split} split has "
                    f"{facts[f'{split}_tokens']} tokens, needs {_SHORTEST}; add more text"
                )


def _facts_of(folder: Path) -> dict[str, int] | None:
    """What a cached corpus says of itself; None where it is missing or damaged."""
    try:
        facts: dict[str, int] = json.loads((folder / "facts.json").read_bytes())
        whole = (folder / "tokenizer.json").exists() and all(
            (folder / f"{s}.bin").stat().st_size == 2 * facts[f"{s}_tokens"] for s in _SPLITS
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if whole else None
