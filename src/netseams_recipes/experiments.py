"""Named configs of experiments, each sized for two cores."""

from collections.abc import Callable
from dataclasses import dataclass

from netseams.core import UnknownNameError
from netseams.experiments import ExperimentConfig


@dataclass(frozen=True)
class Plan:
    """A config, and what it takes on two cores."""

    config: Callable[[], ExperimentConfig]
    minutes: float


PLANS: dict[tuple[str, str], Plan] = {}
"""(experiment, preset) -> its plan."""


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
    return PLANS[name, preset].config()
