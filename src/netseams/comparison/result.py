"""`comparison.json`: what a comparison found. Format version 2, documented in docs/formats.md.

Every number in the report is read from here. Losses are nats, shares and accuracies lie in
0..1, and every interval is a 95 % bootstrap over training seeds (None below 8 seeds).
"""

from typing import Literal

from pydantic import field_validator

from netseams.core import Config
from netseams.interventions import AblationKind
from netseams.store import Provenance

Control = Literal["untrained", "redrawn"]
Network = Literal["trained", "untrained", "redrawn"]
"""`untrained`: same shape and counts, never trained. `redrawn`: the trained weights dealt out
anew over the same non-zero places. Both get their own search at the same budget."""


MANY_ARMS = 4
"""With more arms, a range stands in the answer, and a table and a frontier on the page, in place
of a sentence, a matrix and a graph for each."""


class Estimate(Config):
    """A number over training seeds."""

    value: float
    low: float | None = None
    high: float | None = None
    n_seeds: int


class FieldChange(Config):
    """One field of the training run in which an arm differs from the reference."""

    field: str
    reference: str
    arm: str


class SeedPoint(Config):
    """One arm in one seed. Sizes are geometric means over the tasks of its `ArmRow`."""

    seed: int
    test_loss: float
    task_loss: float
    nodes: float | None
    edges: float | None


class ArmRow(Config):
    """One arm on one corpus, over its tasks and seeds, at the primary target."""

    corpus: str
    name: str
    kind: str
    """Of its sparsity."""
    reference: bool
    """The arm that the others are held against; the first of its corpus."""
    changes: list[FieldChange]
    words: str
    """The changes as a sentence."""
    test_loss: Estimate
    task_loss: Estimate
    """Of the whole network, mean over all tasks."""
    task_accuracy: Estimate
    l0: Estimate
    density: Estimate
    """Share of weights between nodes that are not zero."""
    n_tasks: int
    n_learned: int
    """Tasks learned in every seed."""
    n_reached: int
    """Tasks whose primary target was reached in every seed."""
    tasks: list[str]
    """What the sizes are over: the tasks that most arms learned and reached in every seed. An
    arm that lacks one of them has no sizes."""
    nodes: Estimate | None
    edges: Estimate | None
    edge_share: Estimate | None
    alone: dict[AblationKind, Estimate] | None
    """Accuracy of the circuits alone."""
    necessity: dict[AblationKind, Estimate] | None
    points: list[SeedPoint]
    note: str
    """Why there are no sizes."""


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
    arm: str
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
    arm: str
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
    calibrated: bool = False
    """Whether its logits were scaled and shifted before it was held against the target."""
    path: str | None
    """Folder of the circuit's files, relative to comparison.json."""


class SearchRow(Config):
    """The curve and cost of one search. Loss on the select split."""

    corpus: str
    arm: str
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
    """One arm over another at one equal loss: geometric means over tasks.

    `edges = density * selection`: what sparse weights give away before anything is selected,
    times what selection adds (the ratio of edge shares).
    """

    corpus: str
    numerator: str
    denominator: str
    """Names of the two arms."""
    target: float
    calibrated: bool = False
    """Whether circuits with calibrated logits are compared."""
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
    arm: str
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
    calibrated_nodes: Estimate | None = None
    calibrated_edges: Estimate | None = None
    """Sizes where the logits may be scaled and shifted before the target is asked for."""
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
    arm: str
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
    arm: str
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
    version: Literal[2] = 2
    preset: str
    command: str
    exploratory: bool
    n_seeds: int
    primary_metric: str
    answer: list[str]
    """A few sentences: sizes, controls, specificity."""
    limits: list[str]
    """What this run cannot say, made from what happened in it."""
    corpora: list[CorpusFacts]
    tasks: list[TaskFacts]
    settings: list[dict]
    """Resolved settings of every corpus: model, training, arms, search."""
    arms: list[ArmRow]
    networks: list[NetworkRow]
    ratios: list[SizeRatio]
    routes: list[RouteRow]
    matrices: list[SpecificityMatrix]
    circuits: list[CircuitRow]
    searches: list[SearchRow]
    drawings: list[Drawing]
    cost: Cost
    provenance: Provenance

    @field_validator("version", mode="before")
    @classmethod
    def _this_version(cls, value: object) -> object:
        if value == 1:
            raise ValueError(
                "this is version 1 of the format, which knew two arms; this release reads version "
                "2: run `netseams compare` again, or read it with the release that wrote it"
            )
        return value
