"""Edge attribution patching (arXiv 2310.10348): the effect of every link, to first order.

score(link) = (ablated - clean write of the source) . gradient of the loss by what the target reads,
summed over positions, averaged over rows. The gradient is that of the clean run. Positive: ablating
the link raises the loss. TransformerLens takes the gradient on the corrupt run instead.
"""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from netseams.discovery.link_method import LinkScoreConfig, LinkScorer
from netseams.discovery.link_rows import LinkRows


class EdgeAttribution(LinkScorer[LinkScoreConfig]):
    """Scores links by one backward pass."""

    name: ClassVar[str] = "eap"

    def __init__(self, config: LinkScoreConfig | None = None) -> None:
        self.config = config or LinkScoreConfig()

    def scores(self, rows: LinkRows) -> Float[Tensor, " links"]:
        return rows.slopes(towards_clean=1.0)

    def _steps(self, rows: LinkRows) -> int:
        return 1
