"""What is read: the standard library's source, your text, generated languages."""

from netseams.corpora.agreement import Agreement, AgreementConfig
from netseams.corpora.arithmetic import Arithmetic
from netseams.corpora.base import Batch, Corpus
from netseams.corpora.double_addition import DoubleAddition, DoubleAdditionConfig
from netseams.corpora.encoded import DocumentCorpus
from netseams.corpora.load import AnyCorpusConfig, CorpusConfig, load_corpus
from netseams.corpora.modular import SharedNode, SharedNodeConfig, Squares, SquaresConfig
from netseams.corpora.shapes import Shapes, ShapesConfig
from netseams.corpora.string_ops import StringOps, StringOpsConfig, TwoSlots, TwoSlotsConfig
from netseams.corpora.text import StdlibConfig, TextConfig, TextCorpus
from netseams.corpora.tiny_python import TinyPython, TinyPythonConfig
from netseams.corpora.two_calls import TwoCalls, TwoCallsConfig
from netseams.corpora.two_operations import TwoOperations, TwoOperationsConfig

__all__ = [
    "Agreement",
    "AgreementConfig",
    "AnyCorpusConfig",
    "Arithmetic",
    "Batch",
    "Corpus",
    "CorpusConfig",
    "DocumentCorpus",
    "DoubleAddition",
    "DoubleAdditionConfig",
    "Shapes",
    "ShapesConfig",
    "SharedNode",
    "SharedNodeConfig",
    "Squares",
    "SquaresConfig",
    "StdlibConfig",
    "StringOps",
    "StringOpsConfig",
    "TextConfig",
    "TextCorpus",
    "TinyPython",
    "TinyPythonConfig",
    "TwoCalls",
    "TwoCallsConfig",
    "TwoOperations",
    "TwoOperationsConfig",
    "TwoSlots",
    "TwoSlotsConfig",
    "load_corpus",
]
