"""The guide's files, commands and examples are run, word for word."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hugging_face_models import gpt2, learned, saved, tokenizer, transformers

GUIDE = Path(__file__).parents[1] / "docs" / "your-model.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the guide's reader sits: `my-model` has learned to agree, `my-opt` has no adapter."""
    folder = tmp_path_factory.mktemp("reader")
    saved(folder / "my-model", learned(gpt2, masked=False))
    opt = transformers.OPTForCausalLM(transformers.OPTConfig(
        vocab_size=len(tokenizer()), hidden_size=16, ffn_dim=24, num_hidden_layers=2,
        num_attention_heads=2, word_embed_proj_dim=16, max_position_embeddings=8,
    ))  # fmt: skip
    saved(folder / "my-opt", opt)
    return folder


def blocks(language: str) -> list[str]:
    text = GUIDE.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def done(folder: Path, *command: str) -> str:
    run = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_guide_from_top_to_bottom(folder: Path) -> None:
    (behaviour,) = blocks("yaml")
    (folder / "agreement.yaml").write_text(behaviour, encoding="utf-8")
    (command,) = blocks("sh")
    verb = command.split()
    assert verb[0] == "netseams"
    table = done(folder, "-m", "netseams.cli.main", *verb[1:])
    assert "given" in table
    assert "re-initialised" in table
    use, adapt = blocks("python")
    nodes, shape = done(folder, "-c", use).split(maxsplit=1)
    assert 0 < int(nodes) < 1000
    assert shape.strip() == "torch.Size([54, 5, 48])"
    sites = done(folder, "-c", adapt).split()
    assert len(sites) == 8 * 2 + 1
    assert "blocks.1.mlp.hook_post" in sites


def test_examples_are_task_files() -> None:
    from netseams.tasks.task_file import read_task_file

    for name, n in (("subject_number", 40), ("animal_or_tool", 36)):
        file = read_task_file(GUIDE.parent / "examples" / f"{name}.yaml")
        pairs = [(a.split(), b.split()) for a, b, _, _ in file.text_pairs()]
        assert len(pairs) == n
        (place,) = {
            i for a, b in pairs for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y
        }
        assert len({word[place] for pair in pairs for word in pair}) == 2 * n
