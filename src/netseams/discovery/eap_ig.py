"""Edge attribution patching with integrated gradients over inputs (EAP-IG, arXiv 2403.17806).

score(link) = (ablated - clean write of the source) . mean gradient of the loss by what the target
reads, over runs whose input goes in equal steps from the ablated embedding to the clean one. The
published code takes a left sum: runs at 0, 1/n .. (n - 1)/n of the way, so never at the clean
input. Positive: ablating the link raises the loss.
"""

from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from netseams.discovery.link_method import LinkScoreConfig, LinkScorer
from netseams.discovery.link_rows import LinkRows


class IntegratedConfig(LinkScoreConfig):
    """Settings of EAP-IG."""

    steps: int = Field(default=5, ge=1)
    rule: Literal["left", "midpoint"] = "left"
    """Where in every step the gradient is taken: at its start, as published, or in its middle."""


class IntegratedEdgeAttribution(LinkScorer[IntegratedConfig]):
    """Scores links by `steps` backward passes. A step is one of them."""

    name: ClassVar[str] = "eap_ig"

    def __init__(self, config: IntegratedConfig | None = None) -> None:
        self.config = config or IntegratedConfig()

    def scores(self, rows: LinkRows) -> Float[Tensor, " links"]:
        steps = self.config.steps
        offset = 0.5 if self.config.rule == "midpoint" else 0.0
        slopes = [rows.slopes((k + offset) / steps) for k in range(steps)]
        return sum(slopes[1:], slopes[0]) / steps

    def _steps(self, rows: LinkRows) -> int:
        return self.config.steps
