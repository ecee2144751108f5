"""Where a circuit on disk belongs: the run that it was found in, and its untrained twins."""

from dataclasses import dataclass
from pathlib import Path

from netseams.audit.config import AuditConfig
from netseams.audit.subject import Subject
from netseams.circuits import Circuit, load_circuit
from netseams.comparison.inputs import corpus_of, network_of, task_of
from netseams.comparison.result import Network
from netseams.core import CircuitMismatchError, Device, FileFormatError, NetseamsError
from netseams.discovery import NodeMaskConfig
from netseams.models import model_fingerprint
from netseams.tasks import task_names
from netseams.training import open_run

_LEVELS = 6
"""Folders above a circuit in which its run is looked for."""


@dataclass(frozen=True)
class Home:
    """The run of a circuit, and which of its networks it is of."""

    folder: Path
    network: Network = "trained"


def circuits_in(path: Path) -> list[Path]:
    """The folders of all circuits at `path` or below it.

    Raises:
        FileFormatError: there is none.
    """
    if (path / "circuit.json").exists() or path.name == "circuit.json":
        return [path if path.is_dir() else path.parent]
    found = sorted(file.parent for file in path.rglob("circuit.json")) if path.is_dir() else []
    if not found:
        raise FileFormatError(
            f"{path} holds no circuit.json: give a circuit's folder, or one that holds such folders"
        )
    return found


def home_of(path: Path, circuit: Circuit, given: Path | None = None) -> Home:
    """The run that a circuit was found in: the one given, else one above it or in `runs/` there.

    Raises:
        CircuitMismatchError: no such run, or the one given is another's.
    """
    runs = [given] if given is not None else _runs_near(path)
    for folder in runs:
        run = open_run(folder)
        if run.result.fingerprint == circuit.model_fingerprint:
            return Home(folder)
    for folder in runs:
        for network in _controls(path):
            if folder.name in path.resolve().parts or given is not None:
                model, _ = network_of(folder, open_run(folder).config, network, "cpu")
                if model_fingerprint(model) == circuit.model_fingerprint:
                    return Home(folder, network)
    where = f"{given} is not it" if given is not None else "none of the runs near it is it"
    raise CircuitMismatchError(
        f"circuit {path} belongs to network {circuit.model_fingerprint} and {where}: "
        "give the folder of its training run with --network"
    )


def subject_at(
    path: Path, home: Home, config: AuditConfig, device: Device = "cpu",
    search: NodeMaskConfig | None = None,
) -> Subject:  # fmt: skip
    """A circuit on disk with all that the checks need.

    Raises:
        FileFormatError: the circuit or the run is damaged.
        UnknownNameError: the run's corpus has no such task.
    """
    circuit = load_circuit(path)
    run = open_run(home.folder).config
    model, means = network_of(home.folder, run, home.network, device)
    corpus = corpus_of(run.corpus)
    siblings = []
    for name in task_names(corpus):
        try:
            siblings += [task_of(run, name)] if name != circuit.task else []
        except NetseamsError:  # the corpus does not hold enough of it
            continue
    return Subject(
        circuit, model, task_of(run, circuit.task), means, corpus, tuple(siblings), search, config
    )


def _runs_near(path: Path) -> list[Path]:
    found: list[Path] = []
    for above in list(path.resolve().parents)[:_LEVELS]:
        for folder in (above, *sorted((above / "runs").glob("*"))):
            if (folder / "result.json").exists() and (folder / "config.json").exists():
                found.append(folder)
    return found


def _controls(path: Path) -> list[Network]:
    """Which control networks a path names."""
    names: tuple[Network, ...] = ("untrained", "redrawn")
    return [name for name in names if name in path.resolve().parts]
