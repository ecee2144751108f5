"""What is read: the standard library's source, your text, generated languages."""

from netseams.corpora.agreement import Agreement, AgreementConfig
from netseams.corpora.base import Batch, Corpus
from netseams.corpora.encoded import DocumentCorpus
from netseams.corpora.load import CorpusConfig, load_corpus
from netseams.corpora.string_ops import StringOps, StringOpsConfig
from netseams.corpora.text import StdlibConfig, TextConfig, TextCorpus
from netseams.corpora.tiny_python import TinyPython, TinyPythonConfig

__all__ = [
    "Agreement",
    "AgreementConfig",
    "Batch",
    "Corpus",
    "CorpusConfig",
    "DocumentCorpus",
    "StdlibConfig",
    "StringOps",
    "StringOpsConfig",
    "TextConfig",
    "TextCorpus",
    "TinyPython",
    "TinyPythonConfig",
    "load_corpus",
]
