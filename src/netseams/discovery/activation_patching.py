"""Activation patching of every link, exactly: the reference for all that approximates it.

A link's score is the rise of the task loss when that link alone carries its ablated value in the
clean run, and all others are as they are (path patching of single edges, arXiv 2304.14997).
"""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from netseams.discovery.link_method import LinkScoreConfig, LinkScorer
from netseams.discovery.link_rows import LinkRows


class ActivationPatching(LinkScorer[LinkScoreConfig]):
    """Scores links by their exact effect. A step is one patched link."""

    name: ClassVar[str] = "activation_patching"

    def __init__(self, config: LinkScoreConfig | None = None) -> None:
        self.config = config or LinkScoreConfig()

    def scores(self, rows: LinkRows) -> Float[Tensor, " links"]:
        return rows.effects()

    def _steps(self, rows: LinkRows) -> int:
        return rows.graph.n_links
