"""Tasks from YAML files and from Python."""

from pathlib import Path

import pytest
import torch

from netseams.core import FileFormatError, TaskError
from netseams.corpora import StringOps, TextCorpus, TinyPython
from netseams.corpora.tokenizer import END
from netseams.tasks import binary_task, build_task, load_task_file

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "list_or_tuple.yaml"
N_CTX = 64
SIZES = {"mask_train": 384, "select": 128, "report": 256}
WORDS = [f"{a}{b}" for a in "pqrs" for b in "aeiou"]
PAIRS = [(f"{word} = [1", f"{word} = (1", "]", ")") for word in WORDS]


def own_text(corpus, row: torch.Tensor) -> str:
    return corpus.tokenizer.decode(row.tolist(), skip_special_tokens=False).split(END)[-1]


@pytest.mark.parametrize("name", ["tiny", "text_corpus"])
def test_the_example_file(request: pytest.FixtureRequest, name: str) -> None:
    corpus = request.getfixturevalue(name)
    task = build_task(str(EXAMPLE), corpus, N_CTX)
    assert (task.name, task.n_found) == ("list_or_tuple", 54)
    assert task.floor_accuracy == 0.5
    starts: dict[str, set[str]] = {}
    for split, size in SIZES.items():
        examples = task.splits[split]
        assert examples.clean.shape == (size, N_CTX)
        rows, targets = task.rows(split)
        starts[split] = set()
        for row, target in zip(rows, targets.flatten().tolist(), strict=True):
            text = own_text(corpus, row)
            answer = corpus.text_of(int(task.candidates[target]))
            assert answer == ("]" if "[" in text else ")")
            starts[split].add(text)
        clean = torch.bincount(examples.clean_targets.flatten(), minlength=2)
        assert clean.min() > 0.4 * size
        assert len(torch.unique(rows, dim=0)) > 0.9 * len(rows)
    assert sum(map(len, starts.values())) == len(set.union(*starts.values()))


def test_a_task_in_ten_lines_of_python(tiny: TinyPython) -> None:
    task = binary_task("list_or_tuple", tiny, PAIRS, 32, "which bracket closes?")
    for row, target in zip(*task.rows("report"), strict=True):
        text = own_text(tiny, row)
        assert tiny.text_of(int(task.candidates[int(target)])) == ("]" if "[" in text else ")")
    assert task.question == "which bracket closes?"
    again = binary_task("list_or_tuple", tiny, PAIRS, 32)
    assert torch.equal(again.rows("select")[0], task.rows("select")[0])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (PAIRS[:15], "15 different pairs, needs 16"),
        (PAIRS[:10] * 2, "10 different pairs, needs 16"),
        ([(a, b, "]", "]") for a, b, _, _ in PAIRS], "one class only, both answers are ']'"),
        ([(a, a, x, y) for a, _, x, y in PAIRS], "a pair has two equal texts"),
        ([(a, b, "]", "])") for a, b, _, _ in PAIRS], "begin with the same token ']'"),
        ([(a + " ", b + " ", "value", "x") for a, b, _, _ in PAIRS], "begins inside a token"),
        ([(a + ", 2" * 40, b + ", 2" * 40, x, y) for a, b, x, y in PAIRS], "more than n_ctx=32"),
    ],
)
def test_bad_pairs_are_one_line(tiny: TinyPython, pairs: list, message: str) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        binary_task("mine", tiny, pairs, 32)
    assert "task mine: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_own_tasks_need_text(string_ops: StringOps) -> None:
    with pytest.raises(TaskError, match="needs a corpus of text, not string_ops"):
        build_task(str(EXAMPLE), string_ops, 14)


HEAD = "name: mine\nanswers: ['a', 'b']\n"
TEMPLATE = HEAD + "template: 'x {q} {w}'\nslots: {w: [one, two]}\n"
BAD = {
    "answers: ['a'": "is not YAML",
    "- a\n- b\n": "expected keys such as name and answers, got list",
    "": "got NoneType",
    "!!python/object/apply:os.getcwd []": "is not YAML",
    HEAD + "colour: red\npairs: [[x, y]]\n": r"colour: .*known keys: name, question, answers",
    "answers: ['a', 'b']\npairs: [[x, y]]\n": "name: Field required",
    "name: ../up\nanswers: ['a', 'b']\n": "name: String should match",
    "name: mine\nanswers: ['a']\npairs: [[x, y]]\n": r"one class only: answers are \['a'\]",
    "name: mine\nanswers: ['a', 'a']\npairs: [[x, y]]\n": "one class only",
    "name: mine\nanswers: ['a', 'b', 'c']\npairs: [[x, y]]\n": "3 answers, expected two",
    HEAD: "either pairs or a template",
    HEAD + "pairs: [[x]]\n": "every entry of pairs is two texts, .* got 1",
    HEAD + "pairs: [[x, y], [z, w]]\n": "2 different pairs, needs 16",
    TEMPLATE + "class_a: {q: [one]}\n": "one class only: class_a fills .'q'.",
    TEMPLATE + "class_a: {q: []}\nclass_b: {q: [y]}\n": r"class_a.q: List should have at least 1",
    TEMPLATE + "class_a: {z: [x]}\nclass_b: {z: [y]}\n": r"no slot {z}",
    TEMPLATE + "class_a: {w: [x]}\nclass_b: {w: [y]}\n": "'w' is both in slots and in class_a",
}


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_bad_files_are_one_line(tiny: TinyPython, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises((TaskError, FileFormatError), match=message) as caught:
        load_task_file(path, tiny, 32)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tiny: TinyPython, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read .*none\.yml: No such file"):
        build_task(str(tmp_path / "none.yml"), tiny, 32)


def test_a_template_with_very_many_words(tiny: TinyPython, tmp_path: Path) -> None:
    path = tmp_path / "many.yml"
    words = [f"w{i}" for i in range(40)]
    path.write_text(
        f"name: many\nanswers: [']', ')']\ntemplate: '{{a}} = {{b}}{{q}}{{c}}, {{{{a}}}}'\n"
        f"slots: {{a: {words}, b: {words}, c: {words}}}\n"
        "class_a: {q: ['[']}\nclass_b: {q: ['(']}\n"
    )
    task = build_task(str(path), tiny, 32)
    assert task.n_found == 512
    assert all("{w" in own_text(tiny, row) for row in task.rows("report")[0])


def test_a_corpus_too_small_to_stand_before(text_corpus: TextCorpus) -> None:
    length = len(text_corpus.tokens("test")) - 100
    with pytest.raises(TaskError, match="tokens to stand before prompts of"):
        binary_task("mine", text_corpus, PAIRS, length)
