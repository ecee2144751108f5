"""Tasks for other people's models: tokens, answer positions, splits, and what is refused."""

from pathlib import Path

import pytest
import torch

from hugging_face_models import WORDS, bert, gpt2, task_file, tokenizer
from netseams.core import TaskError
from netseams.corpora.prompts import NextToken, UnderMask, WholeText
from netseams.models import HookedModel
from netseams.tasks import load_prompted_task, prompted_task

NOUNS = ["dog", "cat", "boy", "girl", "king"]
PAIRS = [(f"the {a} near", f"the {b}s near", " is", " are") for a in NOUNS for b in NOUNS]
IS, ARE = WORDS.index("is"), WORDS.index("are")


def test_a_causal_task_by_hand(tmp_path: Path) -> None:
    model = HookedModel(gpt2().eval())
    task = load_prompted_task(task_file(tmp_path), model, tokenizer())
    assert task.candidates.tolist() == [IS, ARE]
    assert task.answers.tolist() == [4]
    assert task.floor_accuracy == 0.5
    assert {split: len(e) for split, e in task.splits.items()} == {
        "mask_train": 256, "select": 128, "report": 128,
    }  # fmt: skip
    rows, targets = task.rows("report")
    for row, target in zip(rows.tolist(), targets.flatten().tolist(), strict=True):
        words = [WORDS[i] for i in row]
        assert words[0] == words[3] == "the"
        assert target == words[1].endswith("s")
    seen = [set(map(tuple, torch.cat([e.clean, e.corrupt], 1).tolist()))
            for e in task.splits.values()]  # fmt: skip
    assert not (seen[0] & seen[1])
    assert not (seen[0] & seen[2])
    assert not (seen[1] & seen[2])


def test_a_masked_task_asks_at_the_mask(tmp_path: Path) -> None:
    model = HookedModel(bert().eval())
    task = load_prompted_task(task_file(tmp_path, masked=True), model, tokenizer())
    assert task.answers.tolist() == [5]
    assert set(task.rows("select")[0][:, 5].tolist()) == {WORDS.index("[MASK]")}
    assert task.candidates.tolist() == [IS, ARE]


def test_another_models_tokenizer_is_refused(tmp_path: Path) -> None:
    model = HookedModel(gpt2(vocab_size=20).eval())
    with pytest.raises(TaskError, match="another model's tokenizer"):
        load_prompted_task(task_file(tmp_path), model, tokenizer())


def test_classes_of_whole_texts() -> None:
    prompts = WholeText(tokenizer(), ["one", "many"])
    pairs = [(a, b, "one", "many") for a, b, _, _ in PAIRS]
    task = prompted_task("number", prompts, pairs, 12)
    assert task.candidates.tolist() == [0, 1]
    assert task.answers.tolist() == [0]


def test_pairs_of_another_length_are_left_out_and_counted() -> None:
    longer = [(f"the old {a} near", f"the old {a}s near", " is", " are") for a in NOUNS]
    uneven = [("the old dog near", "the dogs near", " is", " are")]
    with pytest.warns(UserWarning, match=r"6 of 31 pairs were left out.*have 3 tokens"):
        task = prompted_task("agreement", NextToken(tokenizer()), PAIRS + longer + uneven, 12)
    assert task.n_found == 25
    assert {e.clean.shape[1] for e in task.splits.values()} == {3}


@pytest.mark.parametrize(
    ("pairs", "n_ctx", "line"),
    [
        (PAIRS[:15], 12, "15 different pairs, needs 16"),
        ([*PAIRS, ("the dog", "the dog", " is", " are")], 12, "two equal texts"),
        ([*PAIRS, ("the ant", "the bee", " is", " are")], 12, "the same to this model's tokenizer"),
        ([*PAIRS, ("the dog", "the dogs", " is", " is")], 12, "one class only"),
        ([*PAIRS, ("the dog", "the dogs", " is old", " is")], 12, "begin with the same token"),
        ([*PAIRS, ("the dog i", "the dogs i", "s", "re")], 12, "begins inside a token"),
        (PAIRS, 2, "texts of 3 tokens, the model takes 2"),
    ],
)
def test_what_is_refused(pairs: list[tuple[str, str, str, str]], n_ctx: int, line: str) -> None:
    with pytest.raises(TaskError, match=line) as refused:
        prompted_task("agreement", NextToken(tokenizer()), pairs, n_ctx)
    assert "\n" not in str(refused.value)


def test_no_length_that_most_pairs_have() -> None:
    pairs = [(f"the {'old ' * i}dog", f"the {'old ' * i}dogs", " is", " are") for i in range(16)]
    with pytest.raises(TaskError, match="1 of 16 pairs have one length"):
        prompted_task("agreement", NextToken(tokenizer()), pairs, 40)


@pytest.mark.parametrize(
    ("text", "answer", "line"),
    [
        ("the dog", "is", "one .MASK. where the answer is due, came 0"),
        ("the [MASK] [MASK]", "is", "came 2"),
        ("the dog [MASK]", "is old", "should be one token"),
        ("the dog [MASK]", "was", "should be one token"),
    ],
)
def test_masks_and_answers_that_do_not_fit(text: str, answer: str, line: str) -> None:
    with pytest.raises(TaskError, match=line):
        UnderMask(tokenizer())(text, answer)


def test_a_causal_tokenizer_has_no_mask() -> None:
    bare = tokenizer()
    bare.mask_token = None
    with pytest.raises(TaskError, match="no mask token"):
        UnderMask(bare)


def test_special_tokens_are_kept_in_front_and_cut_behind() -> None:
    from tokenizers.processors import TemplateProcessing

    framed = tokenizer()
    framed.add_special_tokens({"bos_token": "[CLS]", "eos_token": "[SEP]"})
    ends = [("[CLS]", 3), ("[SEP]", 4)]
    framed.backend_tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    prompt = NextToken(framed)("the dog", " is")
    assert [WORDS[i] for i in prompt.tokens] == ["[CLS]", "the", "dog"]
    assert (prompt.position, prompt.answer) == (2, IS)
