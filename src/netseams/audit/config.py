"""What an audit asks for: margins, and how often. Fixed before any audit was run."""

from pydantic import Field

from netseams.core import Config


class AuditConfig(Config):
    """Shares are of what the network has above the task's floor."""

    enough: float = Field(default=0.8, gt=0, le=1)
    """Share that a circuit must keep, alone and under stress."""
    agreeing: float = Field(default=0.9, gt=0, le=1)
    """Share of the network's answers that it must give."""
    broken: float = Field(default=0.5, gt=0, le=1)
    """Share that must be lost without it, under every ablation."""
    margin: float = Field(default=0.1, ge=0, lt=1)
    """Smallest advantage of interest over as many outside places, removed or exchanged."""
    apart: float = Field(default=0.2, ge=0, lt=1)
    """Smallest advantage of interest over sibling tasks and their circuits, and over random
    places that are kept."""
    times: float = Field(default=2.0, ge=1)
    """A control's search that reaches the target must need so many times the places."""
    alike: float = Field(default=0.5, gt=0, le=1)
    """Overlap with circuits found anew, corrected for chance (0 at chance, 1 equal)."""
    certified: float = Field(default=0.5, gt=0, le=1)
    """IoU of the circuit and what is certified against a change of one example."""
    random_masks: int = Field(default=5, ge=1)
    extraction_seeds: int = Field(default=3, ge=2)
    rounds: int = Field(default=3, ge=1)
    """Searches with everything found before forbidden."""
    deletions: int = Field(default=8, ge=1)
    """Searches on thinned examples. At 0.9, at least 6: fewer that agree certify no change."""
    p_deleted: float = Field(default=0.9, gt=0, lt=1)
    """Chance of every example to be left out of such a search."""
    stochastic_draws: int = Field(default=8, ge=1)
    adversarial_steps: int = Field(default=20, ge=1)
    adversarial_size: float = Field(default=0.1, gt=0, le=1)
    """Step of every gate, in gates."""
    siblings: int = Field(default=3, ge=1)
    """At most so many other tasks of the corpus."""
    slack: float = Field(default=0.02, gt=0)
    """Where a circuit does not say what loss it was found at, its own and so many nats more."""
    seed: int = 0
