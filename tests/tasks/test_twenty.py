"""One battery for every task of the paper on generated programs."""

import math
from collections import Counter
from pathlib import Path

import paper_truth
import pytest
import torch

from netseams.core import TaskError
from netseams.corpora import TextConfig, TextCorpus, TinyPython
from netseams.corpora.tiny_programs import write_program
from netseams.corpora.tokenizer import END
from netseams.tasks import (
    Task,
    blind_floor,
    build_task,
    last_tokens_accuracy,
    phantom_twin,
    shuffled_twin,
    task_names,
)

N_CTX = 48
SIZES = {"mask_train": 384, "select": 128, "report": 256}
NAMES_COME_BACK = {"class_init", "var_swap", "else_elif"}
TWENTY = [
    "single_double_quote", "bracket_counting", "set_or_string", "set_or_string_fixedvarname",
    "class_init", "final_kwarg", "with_as", "with_open", "bracket_brace", "for_while", "else_elif",
    "if_ternary", "if_equals", "var_if", "var_swap", "indent_for", "while_return_true",
    "lambda_func", "enumerate_range", "fstring_brace",
]  # fmt: skip


# Cutting a task takes seconds: every fifth one in `make test`, all of them in `make test-all`.
EACH = [
    name if i % 5 == 0 else pytest.param(name, marks=pytest.mark.slow)
    for i, name in enumerate(TWENTY)
]


@pytest.fixture(scope="module", params=EACH)
def task(request: pytest.FixtureRequest, tiny: TinyPython) -> Task:
    return build_task(request.param, tiny, N_CTX)


def decoded(corpus, row: torch.Tensor) -> str:
    return corpus.tokenizer.decode(row.tolist(), skip_special_tokens=False)


def shared_end(a: torch.Tensor, b: torch.Tensor) -> int:
    """How many tokens both end in."""
    differs = (a != b).flip(0).nonzero()
    return int(differs[0]) if len(differs) else len(a)


def check_truth(task: Task, corpus, truth) -> None:
    for split in SIZES:
        for row, target in zip(*task.rows(split), strict=True):
            text = decoded(corpus, row).split(END)[-1]
            line = text.rsplit("\n", 1)[-1].strip()
            answer = corpus.text_of(int(task.candidates[int(target)]))
            expected = truth(text, line)
            if expected == "\n":
                assert answer[0] == "\n", text
                assert answer.isspace(), text
            else:
                assert answer == expected, text


def test_the_twenty_names(tiny: TinyPython, text_corpus: TextCorpus) -> None:
    assert task_names(tiny) == TWENTY
    assert task_names(text_corpus, every=True) == ["quote_close", "bracket_close", *TWENTY]


def test_shapes_sizes_and_tokens(task: Task, tiny: TinyPython) -> None:
    assert task.answers.tolist() == [N_CTX - 1]
    assert task.scores_both
    assert task.n_found is not None
    assert task.n_found >= sum(SIZES.values())
    assert len(task.candidates) == len(set(task.candidates.tolist()))
    assert (len(task.candidates) == 2) == (task.name not in NAMES_COME_BACK)
    for split, size in SIZES.items():
        examples = task.splits[split]
        assert examples.clean.shape == examples.corrupt.shape == (size, N_CTX)
        assert examples.clean_targets.shape == examples.corrupt_targets.shape == (size, 1)
        for rows in (examples.clean, examples.corrupt):
            assert 0 <= int(rows.min()) <= int(rows.max()) < tiny.d_vocab
        for targets in (examples.clean_targets, examples.corrupt_targets):
            assert 0 <= int(targets.min()) <= int(targets.max()) < len(task.candidates)


def test_parsing_confirms_every_answer(task: Task, tiny: TinyPython) -> None:
    name = task.name.removesuffix("_fixedvarname")
    check_truth(task, tiny, getattr(paper_truth, name))


def test_a_pair_differs_in_one_place(task: Task) -> None:
    """Without at most 14 tokens of an edit, one is the end of the other."""
    for examples in task.splits.values():
        for a, b in zip(examples.clean[:60], examples.corrupt[:60], strict=True):
            behind = N_CTX - shared_end(a, b)
            left_a, left_b = a[:behind].tolist(), b[:behind].tolist()
            cuts = [(n, total - n) for total in range(1, 15) for n in range(total + 1)]
            assert any(ends_in(left_a[: behind - n], left_b[: behind - m]) for n, m in cuts)


def ends_in(a: list[int], b: list[int]) -> bool:
    least = min(len(a), len(b))
    return a[len(a) - least :] == b[len(b) - least :]


def test_prompts_end_alike(task: Task) -> None:
    """So a table of the last token cannot answer; for else or elif it is the word itself."""
    ends = [
        shared_end(a, b)
        for examples in task.splits.values()
        for a, b in zip(examples.clean, examples.corrupt, strict=True)
    ]
    if task.name == "else_elif":
        assert max(ends) == 0
        return
    assert min(ends) >= 1
    for n_tokens in (1, 2, 4):
        if n_tokens <= min(ends):
            assert last_tokens_accuracy(task, n_tokens) <= 0.5


@pytest.mark.parametrize("split", SIZES)
def test_answers_are_balanced(task: Task, split: str) -> None:
    examples = task.splits[split]
    assert bool((examples.clean_targets != examples.corrupt_targets).all())
    counts = torch.bincount(task.rows(split)[1].flatten())
    if task.name in NAMES_COME_BACK:
        frequent = 0.5 if task.name == "else_elif" else 0.15
        assert counts.max() <= frequent * counts.sum()
        return
    for targets in (examples.clean_targets, examples.corrupt_targets):
        assert torch.bincount(targets.flatten()).tolist() == [SIZES[split] // 2] * 2


def test_no_prompt_twice(task: Task) -> None:
    rows = torch.cat([task.rows(split)[0] for split in SIZES])
    assert len(torch.unique(rows, dim=0)) == len(rows)


def test_the_floor_by_counting(task: Task) -> None:
    """Who sees a pair without knowing which member is before him names one of two answers."""
    examples = task.splits["report"]
    right, loss = 0, 0.0
    for a, b in zip(
        examples.clean_targets.tolist(), examples.corrupt_targets.tolist(), strict=True
    ):
        votes = Counter([a[0], b[0]])
        right += max(votes.values())
        loss -= sum(math.log(votes[answer] / 2) for answer in (a[0], b[0]))
    n = 2 * len(examples)
    assert task.floor_accuracy == right / n == 0.5
    assert task.floor_loss == pytest.approx(loss / n)
    assert blind_floor(examples) == (task.floor_accuracy, task.floor_loss)


def test_shuffled_labels_mean_nothing(task: Task) -> None:
    twin = shuffled_twin(task, seed=3)
    assert twin.name == f"{task.name}_shuffled_3"
    assert twin.floor_accuracy == 0.5
    for split, size in SIZES.items():
        before, after = task.splits[split], twin.splits[split]
        assert torch.equal(before.clean, after.clean)
        assert torch.equal(before.corrupt, after.corrupt)
        kept = (before.clean_targets == after.clean_targets).flatten()
        assert int(kept.sum()) == size // 2
        assert torch.equal(
            torch.where(kept[:, None], after.clean_targets, after.corrupt_targets),
            before.clean_targets,
        )
    again, other = shuffled_twin(task, seed=3), shuffled_twin(task, seed=4)
    targets = twin.splits["report"].clean_targets
    assert torch.equal(again.splits["report"].clean_targets, targets)
    assert not torch.equal(other.splits["report"].clean_targets, targets)


def test_a_phantom_follows_the_sum_of_tokens(task: Task) -> None:
    twin = phantom_twin(task)
    before, after = task.splits["report"], twin.splits["report"]
    assert torch.equal(before.clean, after.clean)
    for tokens, targets in zip(after.clean.tolist(), after.clean_targets.tolist(), strict=True):
        assert targets == [sum(tokens) % len(task.candidates)]
    for tokens, targets in zip(after.corrupt.tolist(), after.corrupt_targets.tolist(), strict=True):
        assert targets == [sum(tokens) % len(task.candidates)]
    assert (twin.floor_accuracy, twin.floor_loss) == blind_floor(after)


@pytest.mark.parametrize(
    "name",
    [
        "class_init",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("set_or_string", "with_open")),
    ],
)
def test_splits_share_no_program(tiny: TinyPython, name: str) -> None:
    task = build_task(name, tiny, N_CTX)
    texts = {source: [d.text for d in tiny.documents(source)] for source in ("valid", "test")}
    owners: dict[str, set[str]] = {split: set() for split in SIZES}
    for split in SIZES:
        source = texts["test" if split == "report" else "valid"]
        examples = task.splits[split]
        for a, b in list(zip(examples.clean, examples.corrupt, strict=True))[:40]:
            tails = [decoded(tiny, row).split(END) for row in (a, b)]
            starts = [tail[-1] for tail in tails if len(tail) > 1]
            if starts:
                found = [t for t in source if any(t.startswith(start) for start in starts)]
                assert found
                owners[split] |= set(found) if len(found) == 1 else set()
    assert all(owners.values())
    assert sum(map(len, owners.values())) == len(set.union(*owners.values()))


def test_cut_again_it_is_the_same(tiny: TinyPython, cache) -> None:
    first = build_task("with_as", tiny, N_CTX)
    for path in (cache / "tasks").glob(f"{tiny.fingerprint}-with_as-*"):
        path.unlink()
    again = build_task("with_as", tiny, N_CTX)
    assert torch.equal(first.rows("report")[0], again.rows("report")[0])
    assert first.n_found == again.n_found


def test_tasks_are_cut_from_files(tmp_path: Path) -> None:
    for i in range(300):
        programs = [write_program(seed) for seed in range(6 * i, 6 * i + 6)]
        (tmp_path / f"m{i:03d}.py").write_text("\n".join(programs))
    corpus = TextCorpus(TextConfig(path=tmp_path, d_vocab=640))
    check_truth(build_task("if_equals", corpus, 32), corpus, paper_truth.if_equals)


def test_too_few_places_are_counted(text_corpus: TextCorpus) -> None:
    with pytest.raises(TaskError, match=r"final_kwarg: the corpus yields \d+ examples"):
        build_task("final_kwarg", text_corpus, 32)


def test_what_real_code_cannot_have_says_why(text_corpus: TextCorpus) -> None:
    with pytest.raises(TaskError, match="with_open needs the corpus tiny_python, not text: there"):
        build_task("with_open", text_corpus, 32)
    with pytest.raises(TaskError, match=r"yields 0 examples .* needs 192"):
        build_task("with_as", text_corpus, 32)
