"""Config -> corpus."""

from typing import Annotated

from pydantic import Field

from netseams.corpora.base import Corpus
from netseams.corpora.string_ops import StringOps, StringOpsConfig
from netseams.corpora.text import StdlibConfig, TextConfig, TextCorpus
from netseams.corpora.tiny_python import TinyPython, TinyPythonConfig

CorpusConfig = Annotated[
    StdlibConfig | TextConfig | TinyPythonConfig | StringOpsConfig, Field(discriminator="kind")
]


def load_corpus(config: StdlibConfig | TextConfig | TinyPythonConfig | StringOpsConfig) -> Corpus:
    """Open a corpus; documents are tokenised on first use and cached by content.

    Raises:
        CorpusError: it is missing, empty, binary or too short.
    """
    if isinstance(config, StringOpsConfig):
        return StringOps(config)
    if isinstance(config, TinyPythonConfig):
        return TinyPython(config)
    return TextCorpus(config)
