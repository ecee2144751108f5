"""Config -> corpus."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from netseams.corpora.agreement import Agreement, AgreementConfig
from netseams.corpora.base import Corpus
from netseams.corpora.double_addition import DoubleAddition, DoubleAdditionConfig
from netseams.corpora.modular import SharedNode, SharedNodeConfig, Squares, SquaresConfig
from netseams.corpora.string_ops import StringOps, StringOpsConfig, TwoSlots, TwoSlotsConfig
from netseams.corpora.text import StdlibConfig, TextConfig, TextCorpus
from netseams.corpora.tiny_python import TinyPython, TinyPythonConfig
from netseams.corpora.two_calls import TwoCalls, TwoCallsConfig
from netseams.corpora.two_operations import TwoOperations, TwoOperationsConfig

AnyCorpusConfig = (
    StdlibConfig
    | TextConfig
    | TinyPythonConfig
    | StringOpsConfig
    | TwoSlotsConfig
    | DoubleAdditionConfig
    | TwoCallsConfig
    | TwoOperationsConfig
    | SquaresConfig
    | SharedNodeConfig
    | AgreementConfig
)
CorpusConfig = Annotated[AnyCorpusConfig, Field(discriminator="kind")]

_GENERATED: dict[type, Callable[[Any], Corpus]] = {
    TinyPythonConfig: TinyPython,
    StringOpsConfig: StringOps,
    TwoSlotsConfig: TwoSlots,
    DoubleAdditionConfig: DoubleAddition,
    TwoCallsConfig: TwoCalls,
    TwoOperationsConfig: TwoOperations,
    SquaresConfig: Squares,
    SharedNodeConfig: SharedNode,
    AgreementConfig: Agreement,
}


def load_corpus(config: AnyCorpusConfig) -> Corpus:
    """Open a corpus; documents are tokenised on first use and cached by content.

    Raises:
        CorpusError: it is missing, empty, binary or too short.
    """
    if isinstance(config, StdlibConfig | TextConfig):
        return TextCorpus(config)
    return _GENERATED[type(config)](config)
