"""The arms: what is done to the weights after every optimizer step, or to gradients before it.

One field, a kind each."""

from typing import Annotated, Literal

from pydantic import Field

from netseams.core import Config, UnknownNameError
from netseams.masks import AnnealShape
from netseams.models import ParameterGroup

LrRule = Literal["inverse_sqrt_l0", "relative_sqrt_l0", "none"]
"""Learning rate times 1/sqrt(density) (arXiv 2511.13653, A.2), times sqrt(final / density)
(released script), or left alone."""
Density = Annotated[float, Field(gt=0, le=1)]


class Dense(Config):
    """Ordinary training: every weight is kept."""

    kind: Literal["dense"] = "dense"


class Routed(Config):
    """Every weight is kept, and known functions are put into known parts: heads and neurons of
    every block are cut into equal parts, and a row teaches that of its group alone (gradient
    routing, arXiv 2410.04332)."""

    kind: Literal["routed"] = "routed"
    groups: tuple[tuple[str, ...], ...] = Field(min_length=2)
    """Words of the language. A row belongs to the first group one of whose words stands in it;
    a row with none of them teaches everything."""
    silent: float = Field(default=0.5, ge=0, le=1)
    """Share of a group's rows on which the other parts are silent, so that none leans on them;
    0 in the paper."""
    quiet: float = Field(default=1.0, ge=0)
    """Price, in nats, of a mean square of 1 of what the other parts write on a group's rows: it
    teaches them not to answer there; 0 in the paper."""


class Dropout(Config):
    """Every weight is kept; heads' and neurons' channels are left out by chance in training."""

    kind: Literal["dropout"] = "dropout"
    p: float = Field(default=0.1, gt=0, lt=1)
    """Chance of every channel at every position; the others are scaled up by 1 / (1 - p)."""


class ActivityNoise(Config):
    """Every weight is kept; heads' and neurons' channels carry noise whose variance is
    proportional to their activity, like that of a Poisson process (after arXiv 2512.13707; where
    and how much is ours)."""

    kind: Literal["activity_noise"] = "activity_noise"
    scale: float = Field(default=0.1, gt=0)
    """x becomes x + scale * sqrt(|x|) * N(0, 1)."""


class ActivityPrice(Config):
    """Every weight is kept; weights are priced by the activity that they carry: the variance that
    such noise would have behind them, without the noise (after arXiv 2512.13707, whose
    deterministic regulariser multiplies weights and activations; the form is ours)."""

    kind: Literal["activity_price"] = "activity_price"
    price: float = Field(default=0.1, gt=0)
    """In nats, of a mean of 1 over outputs i of sum_j w_ij^2 |x_j|."""


class Adversarial(Config):
    """Every weight is kept; a share of the loss is that on embeddings moved against it."""

    kind: Literal["adversarial"] = "adversarial"
    radius: float = Field(default=0.1, gt=0)
    """Greatest move of every coordinate, in root mean squares of the embeddings of a batch."""
    steps: int = Field(default=1, ge=1)
    """1: fast gradient sign (arXiv 1412.6572); more: projected gradient (arXiv 1706.06083), each
    step of 1.5 radius / steps, from no move."""
    share: float = Field(default=0.5, gt=0, le=1)
    """Of the loss; the rest is that without a move."""


class Clustered(Config):
    """Every weight is kept; squared weights between groups of channels are priced, as a share of
    all (after the clusterability that arXiv 2409.15747 trains for; groups are fixed beforehand)."""

    kind: Literal["clustered"] = "clustered"
    price: float = Field(default=0.1, gt=0)
    """In nats, of a share of 1, mean over matrices."""
    groups: int = Field(default=4, ge=2)
    """Equal parts of every axis, in order: heads, neurons and channels of the stream."""


class Local(Config):
    """Every weight is kept; a weight is priced by the distance between the channels it joins,
    which stand in order on a line (after arXiv 2305.08746, which also swaps neurons)."""

    kind: Literal["local"] = "local"
    price: float = Field(default=1.0, gt=0)
    """In nats, of a mean of 1 over weights of |w| times distance; a line has length 1."""


Pressed = Dropout | ActivityNoise | ActivityPrice | Adversarial | Clustered | Local
"""Arms that train every weight under something that is said to make modules or robustness."""


class Sparsified(Config):
    """Final densities of the parameter groups: what every arm but the dense one shares.

    Arms with equal values here end with equally many weights in every tensor. The bigram table,
    norms and attention sinks are never sparsified (arXiv 2511.13653, A.1).
    """

    density: Density = 0.05
    """Final share of weights kept in every block matrix."""
    embed_density: Density | None = None
    """That of token and position embeddings. None: the same, as in the paper; the released
    script keeps a larger share there."""
    unembed_density: Density | None = None
    """That of the unembedding. None: that of the embeddings, as in paper and script."""
    bias_density: Density | None = None
    """That of biases. None: that of the block matrices, as in the paper; 1 leaves them dense,
    as the released script does."""
    lr_rule: LrRule = "inverse_sqrt_l0"
    """The same in every arm by default: in a pilot of one seed on string operations it served
    pruned weights and a random support too (0.90 against 1.30 nats, 0.99 against 2.01)."""

    @property
    def share_kept(self) -> float:
        """Of all block matrices together."""
        return self.density

    def final_density(self, group: ParameterGroup) -> float:
        """Share of weights that `group` ends with."""
        embed = self.density if self.embed_density is None else self.embed_density
        return {
            "block": self.density,
            "embed": embed,
            "unembed": embed if self.unembed_density is None else self.unembed_density,
            "bias": self.density if self.bias_density is None else self.bias_density,
            "norm": 1.0,
            "bigram": 1.0,
            "sink": 1.0,
        }[group]


class Annealed(Sparsified):
    """Density falls from 1 to its final value between two shares of training."""

    anneal: AnnealShape = "linear"
    anneal_start: float = Field(default=0.01, ge=0, lt=1)
    anneal_end: float = Field(default=0.5, gt=0, le=1)
    anneal_groups: Literal["together", "each"] = "together"
    """`together`: every group follows the blocks' density until it reaches its own final one;
    `each`: every group takes the whole interval from 1 to its own (released script)."""


class WeightSparse(Annealed):
    """After every step each tensor keeps its largest magnitudes (arXiv 2511.13653, A.2).

    Gradients and moments stay dense, so a dropped weight can return.
    """

    kind: Literal["weight_sparse"] = "weight_sparse"
    min_alive: int = Field(default=0, ge=0)
    """Weights that every MLP neuron and attention channel keeps at least, on its own side of
    each block matrix; the total stays the same. The released script has 4. Off by default: the
    paper reports that it hurts the loss and may keep useless neurons alive."""


class PartlySparse(WeightSparse):
    """Half of the network is weight-sparse, the other half keeps every weight.

    Block matrices of the sparse half keep `density` of their weights; embeddings, unembedding and
    biases are shared by both halves and stay whole.
    """

    kind: Literal["partly_sparse"] = "partly_sparse"  # pyright: ignore[reportIncompatibleVariableOverride]
    by: Literal["layers", "channels"] = "channels"
    """What is halved: the blocks, or the heads and neurons of every block."""
    half: Literal["first", "second"] = "first"
    """Which half is sparse."""
    lr_rule: LrRule = "none"
    """A rate that grows as the sparse half shrinks would be the dense half's too."""

    def final_density(self, group: ParameterGroup) -> float:
        return self.density if group == "block" else 1.0

    @property
    def share_kept(self) -> float:
        return (1 + self.density) / 2


class Pruned(Annealed):
    """Dense first; then the smallest magnitudes are taken out for good, little by little.

    The cubic fall of density is that of arXiv 1710.01878 (section 3, equation 1).
    """

    kind: Literal["pruned"] = "pruned"
    anneal: AnnealShape = "cubic"
    anneal_start: float = Field(default=0.3, ge=0, lt=1)
    anneal_end: float = Field(default=0.7, gt=0, le=1)


class RandomSupport(Sparsified):
    """A support drawn from the seed before the first step and kept: chance places, as many."""

    kind: Literal["random_support"] = "random_support"


Sparsity = Annotated[
    Dense | Routed | Pressed | WeightSparse | PartlySparse | Pruned | RandomSupport,
    Field(discriminator="kind"),
]
_ARMS: dict[str, type[Sparsified]] = {"pruned": Pruned, "random_support": RandomSupport}
ARMS: tuple[str, ...] = ("dense", "weight_sparse", *_ARMS)


def matched_arm(arm: str, to: WeightSparse) -> Dense | Sparsified:
    """The arm called `arm` with the final densities of `to`.

    Raises:
        UnknownNameError: no such arm.
    """
    if arm == "dense":
        return Dense()
    if arm == "weight_sparse":
        return to
    if arm not in _ARMS:
        raise UnknownNameError("arm", arm, ARMS)
    return _ARMS[arm].model_validate({name: getattr(to, name) for name in Sparsified.model_fields})
