"""`comparison.json`: what a comparison found. Format version 1, documented in docs/formats.md.

Every number in the report is read from here. Losses are nats, shares and accuracies lie in
0..1, and every interval is a 95 % bootstrap over training seeds (None below 8 seeds).
"""

from typing import Literal

from netseams.core import Config
from netseams.interventions import AblationKind
from netseams.store import Provenance

Arm = Literal["dense", "weight_sparse"]
Network = Literal["trained", "untrained", "redrawn"]
"""`untrained`: same shape and counts, never trained. `redrawn`: the trained weights dealt out
anew over the same non-zero places. Both get their own search at the same budget."""


class Estimate(Config):
    """A number over training seeds."""

    value: float
    low: float | None = None
    high: float | None = None
    n_seeds: int


class CorpusFacts(Config):
    """What was read."""

    name: str
    facts: dict[str, str | int]
    targets: list[float]
    primary_target: float


class TaskFacts(Config):
    """What was asked. `missing` says why a task could not be cut from the corpus."""

    corpus: str
    name: str
    question: str
    floor_accuracy: float
    floor_loss: float
    missing: str | None = None


class TaskScore(Config):
    """A whole network on the report split of a task."""

    task: str
    accuracy: float
    loss: float
    learned: bool
    """At least half of the way from the floor to perfect."""


class NetworkRow(Config):
    """One trained network. A network that did not learn is a row too."""

    run: str
    corpus: str
    arm: Arm
    seed: int
    valid_loss: float
    test_loss: float
    n_parameters: int
    l0: int
    n_edge_weights: int
    edges: int
    nodes: int
    edge_density: float
    tokens: int
    steps: int
    train_seconds: float
    tasks: list[TaskScore]
    extra: dict[str, float]
    """Further scores, such as the accuracy on pairs of operations never trained on."""


class CircuitRow(Config):
    """The smallest circuit that one search found at one target loss, or that it found none."""

    corpus: str
    arm: Arm
    seed: int
    network: Network
    task: str
    target: float
    network_edges: int
    """Edges of the whole network that was searched."""
    reached: bool
    nodes: int | None
    edges: int | None
    node_share: float | None
    edge_share: float | None
    loss: float | None
    """On the report split, everything outside mean-ablated."""
    accuracy: float | None
    path: str | None
    """Folder of the circuit's files, relative to comparison.json."""


class SearchRow(Config):
    """The curve and cost of one search. Loss on the select split."""

    corpus: str
    arm: Arm
    seed: int
    network: Network
    task: str
    curve_nodes: list[int]
    curve_edges: list[int]
    curve_loss: list[float]
    best_loss: float
    steps: int
    training_sequences: int
    evaluations: int
    seconds: float


class SizeRatio(Config):
    """Dense over weight-sparse at one equal loss: geometric means over tasks.

    `edges = density * selection`: what sparse weights give away before anything is selected,
    times what selection adds (the ratio of edge shares).
    """

    corpus: str
    target: float
    tasks: list[str]
    """Tasks for which both arms reached the target in every seed counted."""
    seeds: list[int]
    nodes: Estimate | None
    edges: Estimate | None
    density: Estimate | None
    selection: Estimate | None
    note: str
    """What was left out, and why."""


class Beats(Config):
    """Whether a circuit beats one control."""

    control: Literal["untrained", "redrawn", "random", "random_removed"]
    """`random`: a random mask of equal size, alone. `random_removed`: the network without it."""
    beats: bool
    detail: str
    """The control's number."""


class RouteRow(Config):
    """One line of the main table: a task in one arm, over seeds, at the primary target."""

    corpus: str
    arm: Arm
    task: str
    n_seeds: int
    n_learned: int
    n_reached: int
    network_accuracy: Estimate
    network_loss: Estimate
    nodes: Estimate | None
    edges: Estimate | None
    node_share: Estimate | None
    edge_share: Estimate | None
    sufficiency_accuracy: dict[AblationKind, Estimate] | None
    sufficiency_loss: dict[AblationKind, Estimate] | None
    necessity: dict[AblationKind, Estimate] | None
    """(whole - max(without, floor)) / (whole - floor), in accuracies: 0 nothing lost, 1 all."""
    necessity_random: dict[AblationKind, Estimate] | None
    """The same for random masks of equal size per site."""
    agreement: Estimate | None
    """Share of answers on which circuit and whole network agree."""
    better_than_network: Estimate | None
    """Loss of the network minus loss of the circuit: above 0 the circuit fits the task better
    than the network that it is to explain."""
    next_token_rise: Estimate | None
    """Rise of the corpus's next-token loss when the circuit is mean-ablated."""
    random_loss: Estimate | None
    """Loss of random masks of equal size per site, alone."""
    random_edges: Estimate | None
    """Edges of those masks: what a circuit of as many nodes has before anything is learned."""
    beats: list[Beats]


class SpecificityMatrix(Config):
    """Removing the circuit of the row: relative drop of the task of the column, mean of seeds."""

    corpus: str
    arm: Arm
    ablation: AblationKind
    part: Literal["whole", "exclusive"]
    """`exclusive`: only nodes that no other circuit of that network has."""
    tasks: list[str]
    drop: list[list[float | None]]
    size: list[float | None]
    """Mean number of nodes removed, by row."""
    diagonal: Estimate | None
    off_diagonal: Estimate | None


class Drawing(Config):
    """One circuit to be drawn: kept channels by site and the strongest edges between them."""

    corpus: str
    arm: Arm
    seed: int
    task: str
    target: float
    nodes: int
    edges: int
    sites: list[str]
    site_counts: list[int]
    shown_nodes: list[tuple[int, int]]
    """(index of the site, channel)."""
    shown_edges: list[tuple[int, int, float]]
    """(index of the source in shown_nodes, of the target, weight); the largest magnitudes."""


class Cost(Config):
    """Seconds by stage: of one core inside workers, and of the clock."""

    training: float
    searching: float
    evaluating: float
    wall: float


class Comparison(Config):
    """The whole result."""

    format: Literal["netseams.comparison"] = "netseams.comparison"
    version: Literal[1] = 1
    preset: str
    command: str
    exploratory: bool
    n_seeds: int
    primary_metric: str
    answer: list[str]
    """Three sentences."""
    limits: list[str]
    """What this run cannot say, made from what happened in it."""
    corpora: list[CorpusFacts]
    tasks: list[TaskFacts]
    settings: list[dict]
    """Resolved settings of every corpus: model, training of both arms, search."""
    networks: list[NetworkRow]
    ratios: list[SizeRatio]
    routes: list[RouteRow]
    matrices: list[SpecificityMatrix]
    circuits: list[CircuitRow]
    searches: list[SearchRow]
    drawings: list[Drawing]
    cost: Cost
    provenance: Provenance
