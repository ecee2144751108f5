"""What many jobs share, read once a process: corpora, tasks, networks and their means."""

from pathlib import Path

from torch import Tensor

from netseams.comparison.result import Network
from netseams.core import Device, seed_from
from netseams.corpora import Corpus, CorpusConfig, load_corpus
from netseams.interventions import mean_activations, redrawn_on_support, untrained_twin
from netseams.models import Transformer
from netseams.tasks import Task, build_task
from netseams.training import RunConfig, open_run


def corpus_of(config: CorpusConfig) -> Corpus:
    """The corpus, opened once a process."""
    key = config.model_dump_json()
    if key not in _corpora:
        _corpora[key] = load_corpus(config)
    return _corpora[key]


def task_of(config: RunConfig, name: str) -> Task:
    """A task of the run's corpus, cut once a process."""
    key = (config.corpus.model_dump_json(), config.model.n_ctx, name)
    if key not in _tasks:
        _tasks[key] = build_task(name, corpus_of(config.corpus), config.model.n_ctx)
    return _tasks[key]


def network_of(
    folder: Path, config: RunConfig, network: Network, device: Device
) -> tuple[Transformer, dict[str, Tensor]]:
    """A network or one of its controls, with its own mean activations; the last one is kept."""
    key = (folder, network)
    if key not in _networks:
        model = open_run(folder).load().to(device)
        if network == "untrained":
            model = untrained_twin(model, seed_from(config.seed, "untrained"))
        elif network == "redrawn":
            model = redrawn_on_support(model, config.seed)
        _networks.clear()
        _networks[key] = model, mean_activations(model, corpus_of(config.corpus))
    return _networks[key]


# A worker runs many jobs on few inputs: what they share is read once.
_corpora: dict[str, Corpus] = {}
_tasks: dict[tuple[str, int, str], Task] = {}
_networks: dict[tuple[Path, Network], tuple[Transformer, dict[str, Tensor]]] = {}
