"""What is audited: a circuit in its network, and what the checks share about it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from netseams.audit.config import AuditConfig
from netseams.audit.outside import outside_circuit
from netseams.circuits import Circuit, random_circuit
from netseams.core import NetseamsError, SettingError, seed_from
from netseams.corpora import Corpus
from netseams.discovery import (
    METHODS,
    Method,
    NodeMaskConfig,
    NodeMasks,
    fit_together,
    stackable,
)
from netseams.evaluation import Score, is_learned, score_circuit, score_network
from netseams.interventions import ABLATIONS, AblationKind, mean_activations, means_over
from netseams.models import Network
from netseams.tasks import Task


class NotApplicableError(NetseamsError):
    """A check that has nothing to ask of this circuit; the message says why."""


@dataclass(frozen=True)
class Subject:
    """One circuit, and all that is asked about it."""

    circuit: Circuit
    model: Network
    task: Task
    means: Mapping[str, Tensor]
    """Site -> mean activation of `model`."""
    corpus: Corpus | None = None
    siblings: tuple[Task, ...] = ()
    """Other tasks on the same kind of input."""
    search: NodeMaskConfig | None = None
    """The search for a circuit of channels that does not say how it was found."""
    config: AuditConfig = field(default_factory=AuditConfig)
    stack: bool | None = None
    """Train masks of independent searches together; None: on a GPU."""
    _searched: dict[str, "Again"] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        self.circuit.check_model(self.model)

    @property
    def stacks(self) -> bool:
        """Whether independent searches are stacked."""
        return self.model.device.type == "cuda" if self.stack is None else self.stack

    @cached_property
    def kind(self) -> AblationKind:
        """What the circuit was found with, in the place of what it leaves out."""
        if self.circuit.granularity == "weights":
            return "zero"
        found_by = self.circuit.found_by
        given = found_by.get("ablation") or found_by.get("config", {}).get("ablation")
        return given if given in ABLATIONS else "mean"

    @cached_property
    def kinds(self) -> tuple[AblationKind, ...]:
        """Every ablation that this kind of circuit knows, its own first."""
        if self.circuit.granularity == "weights":
            return ("zero",)
        return tuple(dict.fromkeys((self.kind, *ABLATIONS)))

    @cached_property
    def whole(self) -> Score:
        """The whole network on the report split."""
        return score_network(self.model, self.task)

    @cached_property
    def alone(self) -> Score:
        """The circuit alone, under its own ablation."""
        return self.kept(self.circuit)

    @cached_property
    def target(self) -> float:
        """The loss on the select split that it was found at; without one, its own and a little."""
        given = self.circuit.found_by.get("target_loss")
        if isinstance(given, int | float) and given > 0:
            return float(given)
        own = score_circuit(
            self.circuit, self.model, self.task, "select", self.kind, self.means
        ).loss
        return own + self.config.slack

    @cached_property
    def randoms(self) -> tuple[Circuit, ...]:
        """Random circuits of equal size."""
        seeds = (seed_from(self.config.seed, "random", i) for i in range(self.config.random_masks))
        return tuple(random_circuit(self.circuit, self.model, seed) for seed in seeds)

    @cached_property
    def outsides(self) -> tuple[Circuit, ...]:
        """As many places, outside of the circuit."""
        seeds = (seed_from(self.config.seed, "outside", i) for i in range(self.config.random_masks))
        return tuple(outside_circuit(self.circuit, self.model, seed) for seed in seeds)

    @cached_property
    def learned_siblings(self) -> tuple[Task, ...]:
        """Other tasks that the network does.

        Raises:
            NotApplicableError: none is known.
        """
        learned = [
            task
            for task in self.siblings
            if task.name != self.task.name
            and is_learned(score_network(self.model, task).accuracy, task.floor_accuracy)
        ]
        if not learned:
            raise NotApplicableError("no other task that this network does is known")
        return tuple(learned[: self.config.siblings])

    def kept(self, circuit: Circuit, task: Task | None = None) -> Score:
        """Score of a circuit alone under the own ablation, on the report split."""
        return score_circuit(
            circuit, self.model, task or self.task, "report", self.kind, self.means,
            calibration=circuit.calibration,
        )  # fmt: skip

    def removed(
        self, circuit: Circuit, task: Task | None = None, kind: AblationKind | None = None
    ) -> Score:
        """Score of the network without a circuit, on the report split."""
        return score_circuit(
            circuit, self.model, task or self.task, "report", kind or self.kind, self.means,
            without=True,
        )  # fmt: skip

    def share(self, accuracy: float) -> float:
        """What is left of what the network has above the floor: 0 nothing, 1 all of it.

        Raises:
            NotApplicableError: the network has nothing there.
        """
        floor = self.task.floor_accuracy
        if self.whole.accuracy <= floor:
            raise NotApplicableError(
                f"the network has {self.whole.accuracy:.2f}, not above the floor {floor:.2f}"
            )
        return (max(accuracy, floor) - floor) / (self.whole.accuracy - floor)

    def only_channels(self) -> None:
        """Confirm that this is a circuit of channels.

        Raises:
            NotApplicableError: of weights or links.
        """
        if self.circuit.granularity != "nodes":
            raise NotApplicableError(f"asks for channels, this is of {self.circuit.granularity}")

    def means_of(self, model: Network) -> dict[str, Tensor]:
        """Mean activations of another network on the same inputs."""
        if self.corpus is not None:
            return mean_activations(model, self.corpus)
        return means_over(model, self.task.rows("mask_train")[0].split(64))

    def method(self, label: str) -> Method:
        """The method that found the circuit, at its settings, with a seed for `label`.

        A circuit that does not say how it was found gets the usual search of its granularity.

        Raises:
            SettingError: its settings cannot be read.
        """
        found_by = self.circuit.found_by
        name = found_by.get("method")
        if not isinstance(name, str) or name not in METHODS:
            name = {"weights": "weight_masks", "components": "eap_ig"}.get(
                self.circuit.granularity, "node_masks"
            )
            found_by = {}
        plain: Any = METHODS[name]()
        settings = plain.config
        if name == "node_masks" and "config" not in found_by and self.search is not None:
            settings = self.search
        if "config" in found_by:
            try:
                settings = type(settings).model_validate(found_by["config"])
            except ValueError as error:
                raise SettingError(
                    f"the circuit's settings of {name} cannot be read: {error}"
                ) from None
        fields = {"seed": seed_from(self.config.seed, "audit", label), "ablation": self.kind}
        known = {k: v for k, v in fields.items() if k in type(settings).model_fields}
        return type(plain)(settings.model_copy(update=known))

    def search_again(
        self,
        label: str,
        *,
        task: Task | None = None,
        model: Network | None = None,
        means: Mapping[str, Tensor] | None = None,
        forbidden: Mapping[str, Tensor] | None = None,
    ) -> "Again":
        """The same search at the same budget, of another task, network or choice.

        Args:
            label: names what is searched: one label is searched once.
        """
        if label in self._searched:
            return self._searched[label]
        method = self.method(label)
        model = self.model if model is None else model
        arguments: Any = (model, task or self.task, means or self.means, (self.target,))
        if forbidden is None:
            method.fit(*arguments)
        elif isinstance(method, NodeMasks):
            method.fit(*arguments, forbidden=forbidden)
        else:
            raise NotApplicableError("this search cannot be forbidden anything")
        return self._keep(label, method)

    def search_all(self, tasks: Mapping[str, Task]) -> list["Again"]:
        """`search_again` of many tasks (label -> task) in this network.

        On a GPU searches for channels are stacked, as far as their tasks can be: each ends as it
        would alone, up to rounding.
        """
        todo = {label: task for label, task in tasks.items() if label not in self._searched}
        methods = {label: self.method(label) for label in todo}
        while self.stacks and todo:
            task = next(iter(todo.values()))
            together = {
                label: method
                for label in todo
                if isinstance(method := methods[label], NodeMasks)
                and stackable(todo[label], task, method.config)
            }
            if not together:
                break  # another method: no stacks
            fit_together(
                list(together.values()), self.model, [todo[label] for label in together],
                self.means, (self.target,),
            )  # fmt: skip
            for label, method in together.items():
                self._keep(label, method)
                del todo[label]
        return [self.search_again(label, task=task) for label, task in tasks.items()]

    def _keep(self, label: str, method: Method) -> "Again":
        best = min((point.loss for point in method.curve_), default=float("nan"))
        self._searched[label] = Again(method.circuits_[self.target], best, method)
        return self._searched[label]

    def sibling_circuits(self) -> dict[str, "Again"]:
        """The same search for every sibling that the network does.

        Raises:
            NotApplicableError: none is known.
        """
        return {
            task.name: self.search_again(f"sibling {task.name}", task=task)
            for task in self.learned_siblings
        }

    def size(self, circuit: Circuit) -> int:
        """Places of a circuit in its own granularity."""
        if circuit.granularity == "components":
            return len(circuit.links)
        return circuit.n_nodes if circuit.granularity == "nodes" else circuit.n_edges

    def thinned(self, p_deleted: float, label: str) -> Task:
        """The task with every example of the mask_train split left out by chance, two left at
        least."""
        examples = self.task.splits["mask_train"]
        draws = torch.Generator().manual_seed(seed_from(self.config.seed, "thinned", label))
        left = (torch.rand(len(examples), generator=draws) >= p_deleted).nonzero().squeeze(1)
        if len(left) < 2:
            left = torch.randperm(len(examples), generator=draws)[:2]
        fewer = replace(
            examples, clean=examples.clean[left], corrupt=examples.corrupt[left],
            clean_targets=examples.clean_targets[left],
            corrupt_targets=examples.corrupt_targets[left],
        )  # fmt: skip
        return replace(self.task, splits={**self.task.splits, "mask_train": fewer})


@dataclass(frozen=True)
class Again:
    """What a repeated search found."""

    circuit: Circuit | None
    """At the target; None where it was not reached at any size."""
    best_loss: float
    method: Method


def digest(circuit: Circuit) -> str:
    """Content hash of a circuit: places, task, corpus, granularity and network."""
    found = hashlib.sha256()
    facts = (circuit.task, circuit.corpus, circuit.granularity, circuit.model_fingerprint)
    found.update(repr((facts, sorted(circuit.links))).encode())
    for masks in (circuit.nodes, circuit.edges):
        for name in sorted(masks):
            found.update(name.encode())
            found.update(masks[name].numpy().tobytes())
    return found.hexdigest()[:16]
