"""What the stages leave on disk, and where."""

from pathlib import Path
from typing import Literal

from netseams.comparison.result import CircuitRow, Network, NetworkRow, SearchRow
from netseams.core import Config
from netseams.interventions import AblationKind
from netseams.training import RunConfig


class Places:
    """Paths inside the output folder; ids are content hashes of configs."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def run(self, config: RunConfig) -> Path:
        return (
            self.out / "runs" / f"{config.corpus.kind}-{config.arm}-{config.seed}-{config.digest()}"
        )

    def search(self, config: RunConfig, network: Network, task: str) -> Path:
        return self.out / "circuits" / self.run(config).name / network / task

    def measures(self, config: RunConfig) -> Path:
        return self.out / "measures" / f"{self.run(config).name}.json"


class SearchRecord(Config):
    """`search.json`: one search of one network for one task."""

    search: SearchRow
    circuits: list[CircuitRow]

    def of_arm(self, arm: str) -> "SearchRecord":
        """The same, told of the arm by its name."""
        name = {"arm": arm}
        return SearchRecord(
            search=self.search.model_copy(update=name),
            circuits=[row.model_copy(update=name) for row in self.circuits],
        )


class Measurement(Config):
    """One raw number; a line of `measurements.jsonl`. Scores are on the report split."""

    run: str
    circuit: str
    """Folder of the circuit's files."""
    corpus: str
    arm: str
    seed: int
    circuit_task: str
    question: Literal["keep", "remove", "agreement", "next_token_rise"]
    """`keep`: the part alone (sufficiency). `remove`: all but the part (necessity where `task`
    is the circuit's own, specificity elsewhere)."""
    part: Literal["whole", "exclusive", "random"]
    draw: int = 0
    """Number of the random mask."""
    n_nodes: int
    n_edges: int
    ablation: AblationKind
    task: str
    """The task scored; `next_token` for the corpus itself."""
    accuracy: float | None = None
    loss: float | None = None
    value: float | None = None
    """For `agreement` the share of equal answers, for `next_token_rise` nats."""
    kl: float | None = None
    on_errors: float | None = None
    """For `agreement`: the share of equal answers where the network is wrong."""


class RunMeasures(Config):
    """`measures/RUN.json`: one trained network, measured."""

    network: NetworkRow
    rows: list[Measurement]
    seconds: float

    def of_arm(self, arm: str) -> "RunMeasures":
        """The same, told of the arm by its name."""
        name = {"arm": arm}
        return RunMeasures(
            network=self.network.model_copy(update=name),
            rows=[row.model_copy(update=name) for row in self.rows],
            seconds=self.seconds,
        )
