"""Tasks whose parts are known: pairs differ in what decides, and answers are plain arithmetic."""

import math

import pytest
import torch

from netseams.core import TaskError, UnknownNameError
from netseams.corpora import (
    AgreementConfig,
    Corpus,
    DoubleAdditionConfig,
    SharedNodeConfig,
    SquaresConfig,
    StringOpsConfig,
    TwoOperationsConfig,
    TwoSlotsConfig,
    load_corpus,
)
from netseams.corpora.agreement import PAD
from netseams.tasks import Task, build_task, task_names

CORPORA = {
    config.kind: config
    for config in (
        DoubleAdditionConfig(), TwoOperationsConfig(), SquaresConfig(), SharedNodeConfig(),
        TwoSlotsConfig(), AgreementConfig(),
    )
}  # fmt: skip
EVERY = [(kind, name) for kind in CORPORA for name in task_names(load_corpus(CORPORA[kind]))]
SPLITS = ("mask_train", "select", "report")


def words(corpus: Corpus, row: torch.Tensor) -> list[str]:
    return [
        corpus.text_of(token) for token in row.tolist() if token != PAD or corpus.name[0] != "a"
    ]


@pytest.fixture(scope="module", params=EVERY, ids=lambda pair: "-".join(pair))
def both(request: pytest.FixtureRequest) -> tuple[Corpus, Task]:
    corpus = load_corpus(CORPORA[request.param[0]])
    return corpus, build_task(request.param[1], corpus, 16)


def test_what_there_is() -> None:
    counts: dict[str, int] = {}
    for kind, _ in EVERY:
        counts[kind] = counts.get(kind, 0) + 1
    assert counts == {
        "double_addition": 2, "two_operations": 3, "squares": 1, "shared_node": 2,
        "two_slots": 12, "agreement": 5,
    }  # fmt: skip


def test_shapes_and_answers(both: tuple[Corpus, Task]) -> None:
    corpus, task = both
    for split, n in zip(SPLITS, (384, 128, 256), strict=True):
        found = task.splits[split]
        assert len(found) == n
        assert found.clean.shape == found.corrupt.shape
        assert found.clean_targets.shape == (n, len(task.answers))
        assert int(found.clean.max()) < corpus.d_vocab
        assert int(found.clean_targets.max()) < len(task.candidates)
        assert (found.clean != found.corrupt).any(1).all()
    assert 0 < task.floor_accuracy < 1
    assert task.corpus == corpus.name


def test_splits_share_no_row(both: tuple[Corpus, Task]) -> None:
    _, task = both
    rows = [
        {tuple(row) for row in torch.cat([found.clean, found.corrupt]).tolist()}
        for found in task.splits.values()
    ]
    assert sum(map(len, rows)) == len(set.union(*rows))


def test_no_row_is_trained(both: tuple[Corpus, Task]) -> None:
    corpus, task = both
    length = task.splits["report"].clean.shape[1]
    batch = corpus.batch("train", 20_000, length, torch.Generator().manual_seed(0)).inputs
    trained = {tuple(row) for row in batch.tolist()}
    for found in task.splits.values():
        assert not trained & {tuple(row) for row in found.clean.tolist()}


@pytest.mark.parametrize(("name", "own"), [("add_first", (0, 1)), ("add_second", (2, 3))])
def test_sums_differ_at_one_call_site(name: str, own: tuple[int, int]) -> None:
    corpus = load_corpus(DoubleAdditionConfig())
    task = build_task(name, corpus, 6)
    found, (i, j) = task.splits["report"], own
    others = [k for k in range(6) if k not in own]
    assert torch.equal(found.clean[:, others], found.corrupt[:, others])
    for rows, targets in (
        (found.clean, found.clean_targets),
        (found.corrupt, found.corrupt_targets),
    ):
        assert targets[:, 0].tolist() == [(r[i] + r[j]) % 13 for r in rows.tolist()]
    assert (found.clean_targets != found.corrupt_targets).all()
    assert task.answers.tolist() == [4 if name == "add_first" else 5]
    assert task.scores_both
    assert task.floor_accuracy == pytest.approx(1 / 13)
    assert task.floor_loss == pytest.approx(math.log(13))


def test_the_floor_of_squares_knows_that_some_answers_are_more_frequent() -> None:
    counts = [0] * 59
    for a in range(59):
        for b in range(59):
            counts[(a * a - b * b) % 59] += 1
    task = build_task("difference_of_squares", load_corpus(SquaresConfig()), 3)
    assert task.floor_accuracy == pytest.approx(max(counts) / 59**2)
    entropy = -sum(c / 59**2 * math.log(c / 59**2) for c in counts)
    assert task.floor_loss == pytest.approx(entropy)


def test_operations_differ_in_the_first_token_alone() -> None:
    corpus = load_corpus(TwoOperationsConfig())
    for name in ("add", "multiply", "max"):
        found = build_task(name, corpus, 10).splits["select"]
        assert (found.clean != found.corrupt).nonzero()[:, 1].unique().tolist() == [0]
        for row, right in zip(found.clean, found.clean_targets.tolist(), strict=True):
            op, *numbers = words(corpus, row)[:7]
            a, b = [int(n) for n in numbers[:3]], [int(n) for n in numbers[3:]]
            rule = {"add": lambda x, y: (x + y) % 11, "multiply": lambda x, y: x * y % 11,
                    "max": max}[name]  # fmt: skip
            assert op == name
            assert right == [rule(x, y) for x, y in zip(a, b, strict=True)]


def test_the_floor_of_two_operations_is_a_vote_over_three() -> None:
    """Every pair of operands once, where each of the three operations may be asked for."""
    accuracy = []
    for a in range(11):
        for b in range(11):
            truth, *others = (a + b) % 11, a * b % 11, max(a, b)
            options = [truth, *others]
            most = max(options.count(o) for o in options)
            winners = {o for o in options if options.count(o) == most}
            accuracy.append((truth in winners) / len(winners))
    task = build_task("add", load_corpus(TwoOperationsConfig()), 10)
    assert task.floor_accuracy == pytest.approx(sum(accuracy) / 121, abs=0.02)


def test_one_operation_in_two_slots() -> None:
    corpus = load_corpus(TwoSlotsConfig())
    x = torch.tensor([[3, 1, 4, 1, 5, 9]])
    for pair, expected in {
        ("increment", "reverse"): [0, 6, 2, 5, 2, 4],
        ("reverse", "complement"): [0, 4, 8, 5, 8, 6],
        ("rotate", "rotate"): [4, 1, 5, 9, 3, 1],
        ("add_five", "swap_pairs"): [6, 8, 6, 9, 4, 0],
    }.items():
        assert corpus.encode([pair], x)[1].tolist() == [expected]
    assert len(corpus.trained) == 7 * 7 - 6
    for slot in (0, 1):
        assert {pair[slot] for pair in corpus.trained} == {
            pair[slot] for pair in corpus.held_out
        } | {"keep_order"}
    for name, place in (("reverse_first", 0), ("reverse_second", 1)):
        found = build_task(name, corpus, 14).splits["select"]
        assert (found.clean != found.corrupt).nonzero()[:, 1].unique().tolist() == [place]
        assert {words(corpus, row)[place] for row in found.clean} == {"reverse"}
        assert "reverse" not in {words(corpus, row)[place] for row in found.corrupt}


def test_agreement_pairs_differ_in_one_noun() -> None:
    corpus = load_corpus(AgreementConfig())
    for name in task_names(corpus):
        task = build_task(name, corpus, 16)
        found = task.splits["report"]
        assert (found.clean != found.corrupt).sum(1).unique().tolist() == [1]
        assert task.floor_accuracy == 0.5
        answers = [corpus.text_of(int(t)) for t in task.candidates]
        assert answers in (["is", "are"], ["himself", "themselves"])
        for clean, corrupt, right in zip(
            found.clean, found.corrupt, found.clean_targets[:, 0].tolist(), strict=True
        ):
            one, other = words(corpus, clean), words(corpus, corrupt)
            changed = next(i for i in range(len(one)) if one[i] != other[i])
            singular, plural = sorted((one[changed], other[changed]), key=len)
            assert plural in (f"{singular}s", f"{singular}es")
            assert right == int(one[changed] == plural)
        share = float(found.clean_targets.float().mean())
        assert 0.4 < share < 0.6


def test_wrong_names_and_wrong_corpora() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'add_first'"):
        build_task("add_frst", load_corpus(DoubleAdditionConfig()), 6)
    with pytest.raises(TaskError, match="needs the corpus agreement, not string_ops"):
        build_task("verb_in_clause", load_corpus(StringOpsConfig()), 14)
    with pytest.raises(UnknownNameError, match="reverse_third"):
        build_task("reverse_third", load_corpus(TwoSlotsConfig()), 14)
