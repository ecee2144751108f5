"""Planted circuits pass every check, fakes do not; and what single checks compute, by hand."""

import math
from dataclasses import replace

import pytest
import torch

from netseams.audit import LADDER, AuditConfig, Subject, ask, audit, rung_of, word_of
from netseams.audit.checks.controls import renamed_answers
from netseams.audit.checks.faithful import areas
from netseams.audit.checks.mechanism import _with_norms_held
from netseams.audit.checks.stability import radius
from netseams.audit.outside import outside_circuit
from netseams.circuits import Circuit, random_circuit
from netseams.core import CircuitMismatchError
from netseams.corpora import StringOpsConfig, load_corpus
from netseams.discovery import CurvePoint, NodeMasks
from netseams.evaluation import score_network
from netseams.experiments.battery import BatteryConfig, planted_circuit
from netseams.interventions import mean_activations, untrained_twin
from netseams.models import Transformer, TransformerConfig, sites_of
from netseams.planted import PLANTED
from netseams.tasks import build_task

SEARCH = BatteryConfig().search.model_copy(update={"steps": 60, "snapshots": 20, "lr": 0.02})
FEW = AuditConfig(extraction_seeds=2, deletions=6, rounds=1)
DECISIVE = [check for checks in LADDER.values() for check in checks]


def subject_of(name: str, number: int = 0, config: AuditConfig = FEW) -> Subject:
    planted = PLANTED[name]()
    task = planted.tasks[number]
    means = mean_activations(planted.model, planted.corpus)
    return Subject(
        planted_circuit(planted, task), planted.model, task, means, planted.corpus, planted.tasks,
        SEARCH, config,
    )  # fmt: skip


@pytest.fixture(scope="module")
def two_modules() -> Subject:
    return subject_of("two_modules")


def test_a_planted_circuit_passes_every_check(two_modules: Subject) -> None:
    card = audit(two_modules)
    failed = {f.check: f.detail for f in card.findings if f.outcome == "fail"}
    assert failed == {}
    assert {f.check for f in card.findings if f.outcome == "pass"} == set(DECISIVE)
    assert (card.word, card.rung, card.missed, card.not_asked) == ("robust", 5, (), ())


def test_a_random_mask_does_not_even_fit(two_modules: Subject) -> None:
    fake = replace(two_modules, circuit=random_circuit(two_modules.circuit, two_modules.model, 1))
    card = audit(fake, ["sufficient", "agreement"])
    assert card.word == "none"
    assert {f.outcome for f in card.findings} == {"fail"}


def test_the_whole_network_is_no_circuit(two_modules: Subject) -> None:
    everything = {site: torch.ones_like(mask) for site, mask in two_modules.circuit.nodes.items()}
    task = two_modules.task
    whole = Circuit.from_nodes(two_modules.model, everything, task.name, task.corpus, {})
    card = audit(replace(two_modules, circuit=whole), ["sufficient", "random"])
    assert [f.outcome for f in card.findings] == ["pass", "fail"]
    assert (card.word, card.missed) == ("fits", ("random",))


def test_what_is_found_in_a_network_that_never_learned_is_none() -> None:
    ours = subject_of("first_token")
    twin = untrained_twin(ours.model, 3)
    assert isinstance(twin, Transformer)
    means = ours.means_of(twin)
    loss = score_network(twin, ours.task, "select").loss + 0.5
    learner = NodeMasks(SEARCH).fit(twin, ours.task, means, (loss,))
    circuit = learner.circuits_[loss]
    assert circuit is not None
    fake = replace(ours, circuit=circuit, model=twin, means=means)
    card = audit(fake, ["sufficient", "random", "necessary", "agreement", "interchange"])
    assert not any(f.outcome == "pass" for f in card.findings if f.check != "agreement")
    assert card.word == "none"
    assert card.missed == ("sufficient",)


def test_seeds_tell_whose_the_circuit_is(two_modules: Subject) -> None:
    """What another task's search finds as well is no task's own, however often it is found."""
    ours = replace(two_modules, config=FEW.model_copy(update={"extraction_seeds": 1}))
    apart = ask(ours, "seeds")
    namesake = replace(ours.task, name="namesake")
    shared = ask(replace(ours, siblings=(namesake,)), "seeds")
    assert apart.value is not None
    assert apart.value == shared.value
    assert shared.control == pytest.approx(shared.value, abs=0.15)
    assert "that of namesake" in shared.detail
    assert apart.control is not None
    assert apart.control < apart.value - 0.5


def test_redundancy_counts_the_heads_that_can_do_it() -> None:
    """`backup` has three heads of which each suffices (zero and mean ablation)."""
    ours = subject_of("backup", config=FEW.model_copy(update={"rounds": 3}))
    found = NodeMasks(SEARCH).fit(ours.model, ours.task, ours.means, (0.02,)).circuits_[0.02]
    assert found is not None
    heads = {i // ours.model.cfg.d_head for i in found.nodes["blocks.0.attn.hook_v"].nonzero()}
    finding = ask(replace(ours, circuit=found), "redundancy")
    assert finding.value == 3 - len({int(h) for h in heads})
    assert "then none" in finding.detail


def test_a_circuit_of_another_network_is_refused(two_modules: Subject) -> None:
    with pytest.raises(CircuitMismatchError):
        replace(two_modules, model=untrained_twin(two_modules.model, 0))


def test_links_and_weights_are_asked_what_can_be_asked_of_them(two_modules: Subject) -> None:
    planted = PLANTED["two_modules"]()
    truth = planted.truths[two_modules.task.name]
    about = (two_modules.task.name, two_modules.task.corpus)
    links = Circuit.from_links(planted.model, truth.circuits["resample"][0], *about,
                               {"method": "eap", "config": {"ablation": "resample"}})  # fmt: skip
    card = audit(replace(two_modules, circuit=links))
    outcomes = {f.check: f.outcome for f in card.findings}
    assert outcomes["stochastic"] == "not_applicable"
    assert [outcomes[c] for c in ("sufficient", "untrained", "necessary")] == ["pass"] * 3
    edges = {name: torch.zeros_like(mask) for name, mask in two_modules.circuit.edges.items()}
    for matrix, target, source in truth.weights & {
        (m, *p) for m, mask in two_modules.circuit.edges.items() for p in mask.nonzero().tolist()
    }:
        edges[matrix][target, source] = True
    weights = Circuit.from_weights(planted.model, edges, *about, {})
    card = audit(replace(two_modules, circuit=weights), ["sufficient", "random", "necessary"])
    assert [f.outcome for f in card.findings] == ["pass", "pass", "pass"]


def test_words_rest_on_their_checks_and_on_those_before() -> None:
    passes = dict.fromkeys(DECISIVE, "pass")
    assert word_of(passes) == ("robust", (), ())
    for word, checks in LADDER.items():
        below = ["none", *LADDER][rung_of(word) - 1]
        assert word_of({**passes, checks[0]: "fail"})[:2] == (below, (checks[0],))
        skipped = {**passes, **dict.fromkeys(checks, "not_applicable")}
        assert word_of(skipped)[0] == below  # nothing was asked
    some = {**passes, "siblings": "not_applicable"}
    assert word_of(some) == ("robust", (), ("siblings",))
    assert word_of({}) == ("none", ("sufficient",), ())


def test_the_radius_of_a_vote_against_the_binomial_by_hand() -> None:
    # All of n: the bound is alpha^(1/n). 8: .6877; .6877 - (1 - .9) = .588, - (1 - .81) = .498.
    assert radius(8, 8, 0.9) == 1
    # .05^(1/20) = .8609: three changed examples leave .59, four .5170, five .4514.
    assert radius(20, 20, 0.9) == 4
    assert radius(4, 8, 0.9) is None  # a tie
    assert radius(0, 8, 0.9) is None
    assert radius(8, 8, 0.5) == 0  # half of the examples are left: one change is seen too often


def test_areas_under_two_steps() -> None:
    curve = [CurvePoint(n_nodes=n, n_edges=0, loss=loss) for n, loss in ((10, 0.5), (100, 0.0))]
    # Faithful .5 from 10 to 100 nodes, 1 from there to 1000.
    linear, log = areas(curve, 1000, floor=1.0, whole=0.0)
    assert linear == pytest.approx((0.5 * 90 + 900) / 999)
    assert log == pytest.approx((0.5 * math.log(10) + math.log(10)) / math.log(1000))
    assert areas([], 1000, 1.0, 0.0) == (0.0, 0.0)


def test_held_norms_change_nothing_in_the_whole_network() -> None:
    corpus = load_corpus(StringOpsConfig(length=4))
    for norm in ("rms", "layer"):
        cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=16, d_mlp=16, n_ctx=10, d_vocab=19,
                                norm=norm)  # fmt: skip
        model = Transformer(cfg, 3)
        task = build_task("reverse", corpus, cfg.n_ctx)
        means = mean_activations(model, corpus)
        kept = {s.name: torch.ones(s.width, dtype=torch.bool) for s in sites_of(cfg)}
        circuit = Circuit.from_nodes(model, kept, task.name, task.corpus, {})
        subject = Subject(circuit, model, task, means, corpus)
        held = _with_norms_held(subject, model)
        assert held == score_network(model, task).accuracy
        # Doubling what is written into the stream leaves RMS-normed reads as they are, but not
        # where the scale is held.
        half = {site: mask.clone() for site, mask in kept.items()}
        half["blocks.0.hook_mlp_out"][:] = False
        assert isinstance(_with_norms_held(replace(subject, circuit=Circuit.from_nodes(
            model, half, task.name, task.corpus, {})), model), float)  # fmt: skip


def test_renamed_answers_turn_a_coin_over() -> None:
    task = PLANTED["first_token"]().tasks[0]
    twin = renamed_answers(task)
    for split, examples in task.splits.items():
        wrong = (examples.clean_targets + 1) % len(task.candidates)
        assert torch.equal(twin.splits[split].clean_targets, wrong)
    assert twin.name != task.name


def test_outside_circuits_have_the_size_and_nothing_of_the_circuit() -> None:
    ours = subject_of("induction")
    other = outside_circuit(ours.circuit, ours.model, 0)
    for site, mask in ours.circuit.nodes.items():
        drawn = other.nodes[site]
        assert not bool((drawn & mask).any())
        assert int(drawn.sum()) == min(int(mask.sum()), len(mask) - int(mask.sum()))


def test_thinned_examples_are_a_tenth_and_the_other_splits_stay(two_modules: Subject) -> None:
    fewer = two_modules.thinned(0.9, "a")
    n = len(two_modules.task.splits["mask_train"])
    assert 0.02 * n < len(fewer.splits["mask_train"]) < 0.25 * n
    assert fewer.splits["report"] is two_modules.task.splits["report"]
    assert len(two_modules.thinned(1 - 1e-9, "b").splits["mask_train"]) == 2


def test_stacked_searches_end_as_one_by_one(two_modules: Subject) -> None:
    one_by_one, stacked = (replace(two_modules, stack=stack) for stack in (False, True))
    tasks = {f"seed {i}": two_modules.task for i in range(2)}
    tasks |= {f"deletion {i}": two_modules.thinned(0.9, str(i)) for i in range(2)}
    tasks["few"] = two_modules.thinned(1 - 1e-9, "b")  # two rows a step: in no stack with others
    alone = {label: again.method for label, again in zip(
        tasks, one_by_one.search_all(tasks), strict=True)}  # fmt: skip
    for again, (label, method) in zip(stacked.search_all(tasks), alone.items(), strict=True):
        sizes = [[point.n_nodes for point in m.curve_] for m in (again.method, method)]
        assert sizes[0] == sizes[1], label
        losses = [[point.loss for point in m.curve_] for m in (again.method, method)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)
        assert again.method.budget_.training_sequences == method.budget_.training_sequences
    assert not replace(two_modules).stacks  # on a CPU


def test_a_search_that_stacks_no_masks_is_done_one_by_one(two_modules: Subject) -> None:
    planted = PLANTED["two_modules"]()
    truth = planted.truths[two_modules.task.name]
    links = Circuit.from_links(
        planted.model, truth.circuits["resample"][0], two_modules.task.name,
        two_modules.task.corpus, {"method": "eap", "config": {"ablation": "resample"}},
    )  # fmt: skip
    subject = replace(two_modules, circuit=links, stack=True)
    (again,) = subject.search_all({"seed 0": two_modules.task})
    assert again.method.granularity == "components"
