import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hand_made import CLEAN, CORRUPT, SHIFT, TABLE, circuit, means, table_model, table_task

from netseams.circuits import Circuit
from netseams.core import CircuitMismatchError, generator
from netseams.corpora import StringOps
from netseams.evaluation import (
    agreement,
    necessity,
    next_token_rise,
    removal_scores,
    score,
    score_network,
    sufficiency,
)
from netseams.interventions import ABLATIONS, mean_activations
from netseams.models import Transformer, TransformerConfig, sites_of
from netseams.tasks import build_task


def by_hand(answers: list[tuple[float, int]], shift: float = 0.0) -> tuple[float, float]:
    """Loss and accuracy of a choice of two, from margins."""
    losses, right = [], []
    for margin, target in answers:
        p = 1 / (1 + math.exp(-(margin + shift)))
        losses.append(-math.log(p if target else 1 - p))
        right.append((p > 0.5) == bool(target))
    return sum(losses) / len(losses), sum(right) / len(right)


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


@pytest.mark.parametrize(
    ("both", "answers"), [(False, CLEAN), (True, CLEAN + CORRUPT)], ids=["clean", "both"]
)
def test_the_score_of_a_network_is_that_worked_out_by_hand(both: bool, answers: list) -> None:
    loss, accuracy = by_hand(answers)
    found = score_network(table_model(), table_task(both))
    assert found.loss == pytest.approx(loss, rel=1e-6)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.n == len(answers)


def test_hand_counted_accuracy() -> None:
    # Right: -2 for 0, 4 for 1, -2 for 0; wrong: 1 for 0, .5 for 0, -.5 for 1.
    assert score_network(table_model(), table_task(False)).accuracy == 0.5


@pytest.mark.parametrize(("ablation", "shift"), [("mean", SHIFT), ("zero", 0.0), ("resample", 0.0)])
def test_the_score_of_nothing_but_constants(ablation: str, shift: float) -> None:
    model = table_model()
    empty = circuit(model, kept=False)
    loss, accuracy = by_hand(CLEAN + CORRUPT, shift)
    found = sufficiency(empty, model, table_task(), ablation, means())
    assert found.loss == pytest.approx(loss, rel=1e-6)
    assert found.accuracy == pytest.approx(accuracy)


def test_the_score_of_one_kept_node() -> None:
    model = table_model()
    nodes = dict(circuit(model, kept=False).nodes)
    final = nodes["ln_final.hook_normalized"].clone()
    final[0] = True  # this channel would have carried the shift
    nodes["ln_final.hook_normalized"] = final
    found = score(model, table_task(), "report", nodes, "mean", means())
    assert found == score_network(model, table_task())


def test_the_split_asked_for_is_scored() -> None:
    task = table_task()
    flipped = table_task()
    examples = flipped.splits["report"]
    task.splits["select"] = type(examples)(
        examples.clean, examples.corrupt, 1 - examples.clean_targets, 1 - examples.corrupt_targets
    )
    report = score_network(table_model(), task)
    select = score_network(table_model(), task, "select")
    assert select.accuracy == pytest.approx(1 - report.accuracy)
    assert select.accuracy != report.accuracy or select.loss != report.loss


def test_scoring_asks_for_no_gradient() -> None:
    model = table_model()
    score_network(model, table_task())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_a_whole_network_agrees_with_itself(
    random_model: Callable[..., Transformer], string_ops: StringOps, ablation: str
) -> None:
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=8, n_ctx=14, d_vocab=19)
    model = random_model(cfg)
    everything = Circuit.from_nodes(
        model,
        {site.name: torch.ones(site.width, dtype=torch.bool) for site in sites_of(cfg)},
        "reverse", "string_ops", {},
    )  # fmt: skip
    task = build_task("reverse", string_ops, 14)
    constants = mean_activations(model, string_ops, 64)
    found = agreement(everything, model, task, ablation, constants)
    assert found.same_answer == 1.0
    assert found.same_on_errors == 1.0
    assert found.kl == pytest.approx(0.0, abs=1e-6)
    alone = sufficiency(everything, model, task, ablation, constants)
    whole = score_network(model, task)
    assert alone.loss == pytest.approx(whole.loss, rel=1e-5)
    assert alone.accuracy == whole.accuracy


def test_agreement_worked_out_by_hand() -> None:
    model, answers = table_model(), CLEAN + CORRUPT
    found = agreement(circuit(model, kept=False), model, table_task(), "mean", means())
    same = [(margin > 0) == (margin + SHIFT > 0) for margin, _ in answers]
    wrong = [(margin > 0) != bool(target) for margin, target in answers]
    on_errors = [s for s, w in zip(same, wrong, strict=True) if w]
    sigmoids = [[1 / (1 + math.exp(-(m + shift))) for m, _ in answers] for shift in (0, SHIFT)]
    assert found.same_answer == pytest.approx(sum(same) / 12)
    assert found.same_on_errors == pytest.approx(sum(on_errors) / len(on_errors))
    assert found.kl == pytest.approx(
        sum(kl(p, q) for p, q in zip(*sigmoids, strict=True)) / 12, rel=1e-5
    )


def test_without_errors_there_is_no_agreement_on_them() -> None:
    task = table_task(scores_both=False)
    right = torch.tensor([[int(margin > 0) for margin, _ in CLEAN]]).view(3, 2)
    examples = task.splits["report"]
    task.splits["report"] = type(examples)(
        examples.clean, examples.corrupt, right, examples.corrupt_targets
    )
    model = table_model()
    assert agreement(circuit(model, True), model, task, "zero", means()).same_on_errors is None


def test_removal_ablates_the_circuit_and_leaves_the_rest() -> None:
    model = table_model()
    tasks = [table_task(), table_task(scores_both=False)]
    gone = removal_scores(circuit(model, kept=True), model, tasks, "mean", means())
    for found, answers in zip(gone, (CLEAN + CORRUPT, CLEAN), strict=True):
        loss, accuracy = by_hand(answers, SHIFT)
        assert found.loss == pytest.approx(loss, rel=1e-6)
        assert found.accuracy == pytest.approx(accuracy)
    nothing = removal_scores(circuit(model, kept=False), model, tasks, "mean", means())
    assert nothing == [score_network(model, task) for task in tasks]


def test_the_rise_of_the_next_token_loss(string_ops: StringOps) -> None:
    cfg = TransformerConfig(
        n_layers=1, n_heads=1, d_model=2, d_mlp=2, n_ctx=14, d_vocab=19, bigram=True
    )
    model = Transformer(cfg)
    table = np.random.default_rng(0).normal(size=(19, 19)).astype(np.float32)
    shift = np.random.default_rng(1).normal(size=19).astype(np.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.bigram.weight.copy_(torch.from_numpy(table))
        model.unembed.weight[:, 0] = torch.from_numpy(shift)
    constants = {site.name: torch.zeros(site.shape) for site in sites_of(cfg)}
    constants["ln_final.hook_normalized"] = torch.tensor([1.0, 0.0])
    nodes = {site.name: torch.ones(site.width, dtype=torch.bool) for site in sites_of(cfg)}
    found = next_token_rise(
        Circuit.from_nodes(model, nodes, "x", "y", {}), model, string_ops, constants
    )

    batch = string_ops.batch("test", 128, 14, generator("next token", string_ops.name))
    inputs, targets = batch.inputs[:, 8:].numpy().ravel(), batch.targets[:, 8:].numpy().ravel()

    def loss(logits: np.ndarray) -> float:
        logits = logits.astype(float)
        return float((np.log(np.exp(logits).sum(1)) - logits[range(len(logits)), targets]).mean())

    assert found == pytest.approx(loss(table[inputs] + shift) - loss(table[inputs]), abs=1e-5)
    assert abs(found) > 1e-3


@pytest.mark.parametrize(
    "question",
    [
        lambda c, m, corpus: sufficiency(c, m, table_task(), "mean", means()),
        lambda c, m, corpus: agreement(c, m, table_task(), "mean", means()),
        lambda c, m, corpus: removal_scores(c, m, [table_task()], "mean", means()),
        lambda c, m, corpus: next_token_rise(c, m, corpus, means()),
    ],
    ids=["sufficiency", "agreement", "removal_scores", "next_token_rise"],
)
def test_a_circuit_of_another_model_is_refused(question: Callable, string_ops: StringOps) -> None:
    model = table_model()
    found = circuit(model, kept=True)
    with torch.no_grad():
        model.bigram.weight[0, 0] += 1
    with pytest.raises(CircuitMismatchError, match="give the run it was found in") as caught:
        question(found, model, string_ops)
    assert found.model_fingerprint in str(caught.value)


@pytest.mark.parametrize(
    ("whole", "without", "floor", "expected"),
    [
        (0.9, 0.9, 0.5, 0.0),
        (0.9, 0.5, 0.5, 1.0),
        (0.9, 0.7, 0.5, 0.5),
        (1.0, 0.25, 0.25, 1.0),
        (1.0, 0.1, 0.25, 1.0),  # below the floor is as good as on it
        (0.8, 0.9, 0.6, -0.5),
        (0.5, 0.2, 0.5, None),
        (0.4, 0.2, 0.5, None),
    ],
)
def test_necessity(whole: float, without: float, floor: float, expected: float | None) -> None:
    found = necessity(whole, without, floor)
    assert found is None if expected is None else found == pytest.approx(expected)


def test_the_hand_made_margins_are_those_of_the_table() -> None:
    examples = table_task().splits["report"]
    for rows, targets, expected in (
        (examples.clean, examples.clean_targets, CLEAN),
        (examples.corrupt, examples.corrupt_targets, CORRUPT),
    ):
        margins = [
            (TABLE[row[at]][5] - TABLE[row[at]][4], target)
            for row, pair in zip(rows.tolist(), targets.tolist(), strict=True)
            for at, target in zip((2, 0), pair, strict=True)
        ]
        assert margins == expected
