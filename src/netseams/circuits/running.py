"""Run a model with only a circuit left, or without it: one function for every granularity."""

from collections.abc import Mapping

from jaxtyping import Float, Int
from torch import Tensor

from netseams.circuits.circuit import Circuit
from netseams.core import SettingError
from netseams.interventions import (
    AblationKind,
    ablated_for_task,
    ablation_fill,
    kept_weights,
    masked_hooks,
    run_with_links,
    with_weights,
)
from netseams.models import Network, component_graph, only_ours
from netseams.tasks import Task, TaskSplit


def logits_with(
    circuit: Circuit,
    model: Network,
    tokens: Int[Tensor, "R T"],
    fill: Mapping[str, Tensor],
    answers: Int[Tensor, "R P"] | None = None,
    without: bool = False,
) -> Float[Tensor, "R _ V"]:
    """Logits with everything outside the circuit ablated, or with the circuit ablated.

    Args:
        fill: what stands in for what is ablated, from `fill_for`: by site for `nodes`, by source
            for `components`. Weights are left out by being zero, whatever it holds.
        without: ablate the circuit and keep the rest.
    """
    if circuit.granularity == "nodes":
        kept = circuit.complement() if without else circuit.nodes
        return model(tokens, masked_hooks(kept, fill), answers)
    if circuit.granularity == "components":
        model = only_ours(model, "circuits of links")
        links = component_graph(model.cfg).mask(circuit.links).to(tokens.device)
        gates = (~links if without else links).unsqueeze(0)
        return run_with_links(model, tokens, gates, fill, answers).squeeze(0)
    kept = kept_weights(model, circuit.edges, "without" if without else "only")
    return with_weights(model, kept)(tokens, None, answers)


def fill_for(
    circuit: Circuit,
    kind: AblationKind,
    model: Network,
    means: Mapping[str, Tensor],
    task: Task,
    split: TaskSplit,
) -> Mapping[str, Tensor]:
    """What `logits_with` puts in the place of what is ablated, for the rows of a task.

    `resample` takes, for `nodes`, the activations of a random other row; for `components`, those
    of the other member of the pair. `mean` takes, for `nodes`, `means`; for `components`, means of
    whole components over the task's mask_train inputs.

    Raises:
        SettingError: anything but zero for `weights`: there is no mean of a weight.
        TaskError: resample ablation of components, where clean and corrupt inputs are the same.
    """
    tokens, _ = task.rows(split)
    if circuit.granularity == "weights":
        if kind != "zero":
            raise SettingError(
                f"ablation {kind!r} replaces activations, but this is a circuit of weights, which "
                "sets the others to zero: use 'zero'"
            )
        return {}
    if circuit.granularity == "components":
        model = only_ours(model, "circuits of links")
        return ablated_for_task(kind, model, task, tokens, task.partners(split))
    return ablation_fill(kind, model, means, tokens, task.answers.expand(len(tokens), -1))
