"""Byte-level BPE in which quotes and brackets are always tokens of their own.

That keeps the answer of `which quote closes this string?` a single token, whatever follows.
"""

from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from netseams.core import FileFormatError

END = "<|end|>"
"""Stands between documents; token id 0."""


def train_tokenizer(texts: Iterator[str], vocab_size: int) -> Tokenizer:
    """Train a BPE of `vocab_size` tokens (256 bytes and `END` included)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore
        [
            pre_tokenizers.Split(Regex(r"""["'()\[\]{}]"""), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer's JSON.

    Raises:
        FileFormatError: it is missing or damaged.
    """
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise FileFormatError(f"cannot read tokenizer {path}: {error}") from None
