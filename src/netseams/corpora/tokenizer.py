"""Byte-level BPE in which quotes and brackets are always tokens of their own.

That keeps the answer of `which quote closes this string?` a single token, whatever follows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from netseams.core import CorpusError, FileFormatError

END = "<|end|>"
"""Stands between documents; token id 0."""


TokenizerName = Literal["own", "python_1k"]
"""`own`: trained on the corpus itself. `python_1k`: 1,024 tokens trained on the standard library
of Python 3.11.7 and stored here, so that a trained network reads the same tokens on any machine."""


def make_tokenizer(name: TokenizerName, texts: Iterator[str], vocab_size: int) -> Tokenizer:
    """The stored tokenizer of that name, or one trained on `texts`.

    Raises:
        CorpusError: the vocabulary is too small for bytes, or is not the stored tokenizer's.
    """
    if name == "own":
        tokenizer = train_tokenizer(texts, vocab_size)
        if tokenizer.get_vocab_size() > vocab_size:
            raise CorpusError(f"vocabulary of {vocab_size} is too small for bytes")
        return tokenizer
    tokenizer = read_tokenizer(Path(__file__).parent / "data" / f"{name}.json")
    if tokenizer.get_vocab_size() != vocab_size:
        raise CorpusError(
            f"tokenizer {name} has {tokenizer.get_vocab_size()} tokens, d_vocab is {vocab_size}"
        )
    return tokenizer


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
