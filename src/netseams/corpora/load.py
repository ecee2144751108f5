"""Config -> corpus."""

from typing import Annotated

from pydantic import Field

from netseams.corpora.base import Corpus
from netseams.corpora.string_ops import StringOps, StringOpsConfig
from netseams.corpora.text import StdlibConfig, TextConfig, TextCorpus

CorpusConfig = Annotated[StdlibConfig | TextConfig | StringOpsConfig, Field(discriminator="kind")]


def load_corpus(config: StdlibConfig | TextConfig | StringOpsConfig) -> Corpus:
    """Open a corpus; text is tokenised on first use and cached by content.

    Raises:
        CorpusError: it is missing, empty, binary or too short.
    """
    if isinstance(config, StringOpsConfig):
        return StringOps(config)
    return TextCorpus(config)
