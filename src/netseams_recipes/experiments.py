"""Named configs of experiments, sized for two cores."""

from collections.abc import Callable

from netseams.audit import AuditConfig
from netseams.core import UnknownNameError
from netseams.corpora.two_calls import FUNCTIONS
from netseams.discovery import WeightMaskConfig
from netseams.experiments import ExperimentConfig
from netseams.experiments.audits import AuditsConfig
from netseams.experiments.battery import BatteryConfig
from netseams.experiments.pressures import PressuresConfig
from netseams.experiments.probe import ProbeConfig
from netseams.experiments.recovery import RecoveryConfig
from netseams.experiments.reuse import Language, ReuseConfig
from netseams.experiments.routing import RoutingConfig
from netseams.experiments.separation import Condition, SeparationConfig
from netseams.experiments.transfer import TransferConfig
from netseams.training import (
    ActivityNoise,
    Adversarial,
    Clustered,
    Dense,
    Dropout,
    Local,
    PartlySparse,
)
from netseams_recipes.emergent import known_parts, odd_one_out
from netseams_recipes.search import ramp
from netseams_recipes.settings import weight_sparse

EIGHT = tuple(range(8))
"""Training seeds that an interval needs."""
_SENTENCES = ("subject_verb_singular", "reflexive_plural")
_IMAGES = ("inside_contact", "inside_number")
_MASKS = WeightMaskConfig(steps=200, price_start=0.01, price_end=3.0, snapshots=10, bisections=3)
"""Cheap at first: an untrained network must learn a task by its mask before weights can go."""


def separation(seeds: tuple[int, ...], n_rules: int) -> SeparationConfig:
    """Sentences from scratch and pretrained, images, and untrained networks of both."""
    sentences, images = _SENTENCES[:n_rules], _IMAGES[:n_rules]
    conditions = (
        Condition(medium="language", name="scratch", run=odd_one_out("scratch"), rules=sentences),
        Condition(
            medium="language", name="pretrained", run=odd_one_out("pretrained"), rules=sentences
        ),
        Condition(medium="language", name="untrained", run=odd_one_out("scratch"), rules=sentences),
        Condition(medium="vision", name="scratch", run=odd_one_out("images"), rules=images),
        Condition(medium="vision", name="untrained", run=odd_one_out("images"), rules=images),
    )
    return SeparationConfig(seeds=seeds, conditions=conditions, search=_MASKS)


def reuse(seeds: tuple[int, ...]) -> ReuseConfig:
    """Three operations at two call sites each; and addition alone at two."""
    return ReuseConfig(
        seeds=seeds,
        languages=(
            Language(
                name="two_calls",
                run=known_parts("two_calls"),
                same=tuple((f"first_{f}", f"second_{f}") for f in FUNCTIONS),
                different=tuple(
                    (f"first_{f}", f"second_{g}") for f in FUNCTIONS for g in FUNCTIONS if f != g
                ),
            ),
            Language(
                name="double_addition",
                run=known_parts("double_addition"),
                same=(("add_first", "add_second"),),
            ),
        ),
        arms={"dense": Dense(), "weight_sparse": weight_sparse(0.1)},
        search=ramp(160),
    )


def routing(seeds: tuple[int, ...]) -> RoutingConfig:
    """Three operations on strings, each in a quarter of the network, against no such parts."""
    run = known_parts("routed_strings")
    return RoutingConfig(
        seeds=seeds,
        run=run,
        tasks=("reverse", "rotate", "swap_pairs"),
        arms={"dense": Dense(), "routed": run.train.sparsity},
        search=ramp(160),
    )


_REMOVALS = WeightMaskConfig(
    steps=500, batch_size=96, price_start=0.1, price_end=30.0, snapshots=10, bisections=4
)
"""Dear enough that a mask does not take away whatever it is not asked to leave. At ten times these
prices masks of dense networks were smaller, but 2 of 96 searches in weight-sparse ones reached
their target."""


def transfer(seeds: tuple[int, ...]) -> TransferConfig:
    """Three operations at two call sites, one call taken away at a time."""
    return TransferConfig(
        seeds=seeds,
        run=known_parts("two_calls"),
        operations=FUNCTIONS,
        arms={"dense": Dense(), "weight_sparse": weight_sparse(0.1)},
        search=_REMOVALS,
    )


def audits(seeds: tuple[int, ...]) -> AuditsConfig:
    """Three operations on the same operands, in dense and weight-sparse networks."""
    return AuditsConfig(
        seeds=seeds,
        run=known_parts("two_operations"),
        tasks=("add", "multiply", "max"),
        arms={"dense": Dense(), "weight_sparse": weight_sparse(0.1)},
        search=ramp(160),
    )


def pressures(seeds: tuple[int, ...]) -> PressuresConfig:
    """Two operations on the same operands, after different trainings.

    Strengths: the greatest of those tried at which one network of seed 100 learned all operations
    (`docs/training.md`). Left out of the audit: what asks for eight more searches (deletion), what
    no circuit of `audits` failed (redrawn, shuffled, phantom), and what gives no word.
    """
    return PressuresConfig(
        seeds=seeds,
        run=known_parts("two_operations"),
        tasks=("add", "multiply"),
        arms={
            "dense": Dense(),
            "dropout": Dropout(p=0.3),
            "activity_noise": ActivityNoise(scale=0.5),
            "adversarial": Adversarial(radius=0.2),
            "clustered": Clustered(price=1.0),
            "local": Local(price=100.0),
            "weight_sparse": weight_sparse(0.1),
        },
        search=ramp(160),
        checks=(
            "sufficient", "random", "untrained", "nonsense", "other_task", "necessary",
            "random_removed", "siblings", "seeds", "agreement", "stochastic", "adversarial",
            "interchange",
        ),
        audit=AuditConfig(extraction_seeds=2),
    )  # fmt: skip


def pressures_routed(seeds: tuple[int, ...]) -> PressuresConfig:
    """The upper bound: operations that gradient routing has put into quarters of the network.

    On strings, since routing does not learn `two_operations` (`docs/training.md`).
    """
    run = known_parts("routed_strings")
    return pressures(seeds).model_copy(
        update={
            "run": run,
            "tasks": ("reverse", "swap_pairs"),
            "arms": {"dense": Dense(), "routed": run.train.sparsity},
        }
    )


def probe(seeds: tuple[int, ...]) -> ProbeConfig:
    """Two operations on the same operands, in networks half of which is weight-sparse."""
    partly = PartlySparse(density=0.1, anneal="power", anneal_end=0.7)
    return ProbeConfig(
        seeds=seeds,
        run=known_parts("two_operations"),
        tasks=("add", "multiply"),
        tuned_on="max",
        arms={
            "half_of_channels": partly,
            "half_of_layers": partly.model_copy(update={"by": "layers"}),
            "dense": Dense(),
            "weight_sparse": weight_sparse(0.1),
        },
    )


PLANS: dict[tuple[str, str], Callable[[], ExperimentConfig]] = {
    ("recovery", "quick"): RecoveryConfig,
    ("separation", "quick"): lambda: separation((0, 1, 2), 1),
    ("separation", "standard"): lambda: separation(EIGHT, 1),
    ("separation", "large"): lambda: separation(EIGHT, 2),
    ("reuse", "quick"): lambda: reuse((0, 1, 2)),
    ("reuse", "standard"): lambda: reuse(EIGHT),
    ("transfer", "quick"): lambda: transfer((0, 1, 2)),
    ("transfer", "standard"): lambda: transfer(EIGHT),
    ("routing", "quick"): lambda: routing((0, 1, 2)),
    ("routing", "standard"): lambda: routing(EIGHT),
    ("battery", "quick"): BatteryConfig,
    ("audits", "quick"): lambda: audits((0,)),
    ("audits", "standard"): lambda: audits(EIGHT),
    ("probe", "quick"): lambda: probe((0, 1)),
    ("probe", "standard"): lambda: probe(EIGHT),
    ("pressures", "quick"): lambda: pressures((0,)),
    ("pressures", "standard"): lambda: pressures(EIGHT),
    ("pressures", "routed"): lambda: pressures_routed(EIGHT),
}
"""(experiment, preset) -> its config."""


def experiment_config(name: str, preset: str) -> ExperimentConfig:
    """The config of an experiment's preset.

    Raises:
        UnknownNameError: no such experiment, or no such preset of it.
    """
    names = dict.fromkeys(experiment for experiment, _ in PLANS)
    if name not in names:
        raise UnknownNameError("experiment", name, names)
    presets = [p for experiment, p in PLANS if experiment == name]
    if preset not in presets:
        raise UnknownNameError(f"preset of {name}", preset, presets)
    return PLANS[name, preset]()
