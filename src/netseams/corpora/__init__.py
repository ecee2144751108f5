"""What is read: the standard library's source, the user's text, a language of string operations."""

from netseams.corpora.base import Batch, Corpus
from netseams.corpora.load import CorpusConfig, load_corpus
from netseams.corpora.string_ops import StringOps, StringOpsConfig
from netseams.corpora.text import StdlibConfig, TextConfig, TextCorpus

__all__ = [
    "Batch",
    "Corpus",
    "CorpusConfig",
    "StdlibConfig",
    "StringOps",
    "StringOpsConfig",
    "TextConfig",
    "TextCorpus",
    "load_corpus",
]
