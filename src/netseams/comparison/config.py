"""What is compared with what."""

from pydantic import Field, model_validator

from netseams.comparison.result import Control, Network
from netseams.core import Config, UnknownNameError
from netseams.corpora import CorpusConfig
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.training import Dense, RunConfig, Sparsity, TrainConfig


class Arm(Config):
    """One kind of network. In the presets of routes, arms differ in `sparsity` alone."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=+-]*$", max_length=40)
    sparsity: Sparsity
    train: TrainConfig | None = None
    """In place of the setting's, for ablations; its `sparsity` must be dense."""
    model: TransformerConfig | None = None
    """In place of the setting's, for frontiers; with the same context and vocabulary."""


class Setting(Config):
    """One corpus: what all arms share, and the arms."""

    corpus: CorpusConfig
    model: TransformerConfig
    train: TrainConfig
    """Shared; its `sparsity` must be dense, since every arm brings its own."""
    arms: tuple[Arm, ...] = Field(min_length=2)
    """The first is the reference: sizes are given as its over each other's."""
    also_against: str | None = None
    """A second reference, such as weight_sparse for arms of equal density."""
    controls: tuple[Control, ...] = ("untrained", "redrawn")
    """Control networks that are searched too, each at the budget of the trained one."""
    tasks: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Names of tasks, or paths of task files; None: those that the corpus is asked by default."""
    specificity: bool = True
    """Whether every task is scored without every circuit: (tasks)^2 scores a network."""
    search: NodeMaskConfig = NodeMaskConfig()
    """The one search that every network gets, controls included."""
    targets: tuple[float, ...] = (0.05, 0.15, 0.3)
    """Losses, in nats, at which circuits are compared."""
    primary_target: float = 0.15
    """The one that the verdict-bearing numbers use (arXiv 2511.13653, A.5)."""

    @model_validator(mode="after")
    def _targets_and_arms(self) -> "Setting":
        if self.primary_target not in self.targets:
            raise ValueError(f"primary_target {self.primary_target} is not among {self.targets}")
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"every arm needs its own name, got {names}")
        if self.also_against is not None and self.also_against not in names[1:]:
            raise ValueError(
                f"also_against must name an arm after the first, one of {names[1:]}, "
                f"got {self.also_against!r}"
            )
        if len(set(self.controls)) < len(self.controls):
            raise ValueError(f"every control may appear once, got {self.controls}")
        for where, train in [("", self.train), *((f"arm {a.name}: ", a.train) for a in self.arms)]:
            if train is not None and not isinstance(train.sparsity, Dense):
                raise ValueError(
                    f"{where}train.sparsity must be dense: the arm's own `sparsity` takes its place"
                )
        for arm in self.arms:
            _check_shape(arm, self.model)
            self.run(arm.name, 0)  # an impossible arm is refused before anything is trained
        return self

    @property
    def arm_names(self) -> tuple[str, ...]:
        """In the order given; the reference first."""
        return tuple(arm.name for arm in self.arms)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The kinds of network that are searched in every arm."""
        return ("trained", *self.controls)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(numerator, denominator) of every ratio of sizes: the reference over each other arm,
        and each further arm over the second reference."""
        first, *others = self.arm_names
        against = self.also_against
        found = [(first, name) for name in others]
        if against is not None:
            found += [(name, against) for name in others if name != against]
        return found

    def run(self, arm: str, seed: int) -> RunConfig:
        """The training run of one arm.

        Raises:
            UnknownNameError: no such arm.
        """
        found = next((a for a in self.arms if a.name == arm), None)
        if found is None:
            raise UnknownNameError("arm", arm, self.arm_names)
        train = (found.train or self.train).model_copy(update={"sparsity": found.sparsity})
        model = found.model or self.model
        return RunConfig(corpus=self.corpus, model=model, train=train, seed=seed)


def _check_shape(arm: Arm, shared: TransformerConfig) -> None:
    for field in ("n_ctx", "d_vocab"):
        ours, theirs = getattr(arm.model or shared, field), getattr(shared, field)
        if ours != theirs:
            raise ValueError(
                f"arm {arm.name}: model.{field} is {ours}, but all arms answer the same tasks and "
                f"need the setting's {theirs}"
            )


class CompareConfig(Config):
    """A whole comparison."""

    preset: str = "custom"
    settings: tuple[Setting, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    random_masks: int = Field(default=5, ge=1)
    """Random masks of equal size drawn for every circuit."""

    @model_validator(mode="after")
    def _each_once(self) -> "CompareConfig":
        names = [setting.corpus.kind for setting in self.settings]
        if len(set(names)) < len(names):
            raise ValueError(f"every kind of corpus may appear once, got {names}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"every seed may appear once, got {self.seeds}")
        return self
