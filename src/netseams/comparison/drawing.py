"""Which circuits to draw, and which of their nodes and edges fit on a page."""

from pathlib import Path

from netseams.circuits import load_circuit
from netseams.comparison.config import CompareConfig, Setting
from netseams.comparison.evidence import Evidence
from netseams.comparison.records import Places
from netseams.comparison.result import MANY_ARMS, Drawing
from netseams.models import load_model, matrices_of, sites_of

_MAX_EDGES = 400
_MAX_NODES = 400
"""Above it only the nodes that a drawn edge touches are drawn."""


def drawings(config: CompareConfig, out: Path, evidence: Evidence) -> list[Drawing]:
    """For every corpus, the first of the tasks that most arms reached, in all of these arms.

    None where there is only one such arm, or more arms than a page can show.
    """
    found: list[Drawing] = []
    for setting in config.settings:
        corpus, target = setting.corpus.kind, setting.primary_target
        seed = config.seeds[0]
        reached = {
            name: [
                arm
                for arm in setting.arm_names
                if evidence.circuit(corpus, arm, seed, "trained", name, target).reached
            ]
            for name in evidence.names(corpus)
        }
        task = max(reached, key=lambda name: len(reached[name]))
        if len(reached[task]) >= 2 and len(setting.arms) <= MANY_ARMS:
            found += [_draw(setting, out, arm, seed, task) for arm in reached[task]]
    return found


def _draw(setting: Setting, out: Path, arm: str, seed: int, task: str) -> Drawing:
    """The strongest edges and the nodes that they join."""
    places, run = Places(out), setting.run(arm, seed)
    circuit = load_circuit(
        places.search(run, "trained", task) / f"target-{setting.primary_target:g}"
    )
    model = load_model(places.run(run) / "model.safetensors")
    parameters = dict(model.named_parameters())
    names = [site.name for site in sites_of(model.cfg)]
    edges: list[tuple[tuple[int, int], tuple[int, int], float]] = []
    for m in matrices_of(model.cfg):
        weight = parameters[m.parameter].detach()
        edges += [
            ((names.index(m.source), source), (names.index(m.target), channel),
             float(weight[channel, source]))
            for channel, source in circuit.edges[m.parameter].nonzero().tolist()
        ]  # fmt: skip
    edges.sort(key=lambda edge: -abs(edge[2]))
    edges = edges[:_MAX_EDGES]
    shown = sorted(
        {
            (names.index(name), channel)
            for name, mask in circuit.nodes.items()
            for channel in mask.nonzero().squeeze(1).tolist()
        }
        if circuit.n_nodes <= _MAX_NODES
        else {end for source, target, _ in edges for end in (source, target)}
    )
    index = {node: i for i, node in enumerate(shown)}
    return Drawing(
        corpus=circuit.corpus,
        arm=arm,
        seed=seed,
        task=task,
        target=setting.primary_target,
        nodes=circuit.n_nodes,
        edges=circuit.n_edges,
        sites=names,
        site_counts=[int(circuit.nodes[name].sum()) for name in names],
        shown_nodes=shown,
        shown_edges=[(index[source], index[target], weight) for source, target, weight in edges],
    )
