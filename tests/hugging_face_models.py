"""Small Hugging Face models of every family, made on the spot; two of them learn agreement."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

transformers = pytest.importorskip("transformers", reason="transformers (extra hf) is missing")
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

SINGULAR = ["dog", "cat", "boy", "girl", "king", "bird", "car", "tree"]
PLURAL = [f"{word}s" for word in SINGULAR]
PLACES = ["near", "behind", "above", "under"]
WORDS = ["[PAD]", "[UNK]", "[MASK]", "[CLS]", "[SEP]", "the", "is", "are", "old", *PLACES,
         *SINGULAR, *PLURAL]  # fmt: skip
N_CTX = 12
_ENDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
_SIZE = {"vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 4, "intermediate_size": 48,
         "max_position_embeddings": N_CTX}  # fmt: skip


def gpt2(**options: Any) -> Any:
    size = {"vocab_size": len(WORDS), "n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48,
            "n_positions": N_CTX}  # fmt: skip
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**{**size, **_ENDS, **options}))


def llama() -> Any:
    config = transformers.LlamaConfig(**_SIZE, **_ENDS, num_key_value_heads=2)
    return transformers.LlamaForCausalLM(config)


def qwen2() -> Any:
    config = transformers.Qwen2Config(**_SIZE, **_ENDS, num_key_value_heads=1)
    return transformers.Qwen2ForCausalLM(config)


def qwen3() -> Any:
    config = transformers.Qwen3Config(**_SIZE, **_ENDS, num_key_value_heads=2, head_dim=10)
    return transformers.Qwen3ForCausalLM(config)


def gpt_neox(parallel: bool = True) -> Any:
    config = transformers.GPTNeoXConfig(**_SIZE, **_ENDS, use_parallel_residual=parallel)
    return transformers.GPTNeoXForCausalLM(config)


def bert() -> Any:
    return transformers.BertForMaskedLM(transformers.BertConfig(**_SIZE, **_ENDS))


FAMILIES: dict[str, Callable[[], Any]] = {
    "gpt2": gpt2, "llama": llama, "qwen2": qwen2, "qwen3": qwen3, "gpt_neox": gpt_neox,
    "bert": bert,
}  # fmt: skip


def random_weights(make: Callable[[], Any], scale: float = 0.3) -> Any:
    """A model with every weight and bias drawn, none of them zero."""
    model, draws = make().eval(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, scale, generator=draws)
    return model


def tokenizer() -> Any:
    """A word a token, with BERT's frame where `[CLS]` is asked for by the model alone."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]"
    )


def sentences(masked: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Agreement with a distractor: `the dog near the cats is`; inputs and right verbs."""
    rows, verbs = [], []
    draws = random.Random(0)
    for number in range(2048):
        noun = draws.choice((SINGULAR, PLURAL)[number % 2])
        words = ["the", noun, draws.choice(PLACES), "the", draws.choice(SINGULAR + PLURAL)]
        rows.append([WORDS.index(w) for w in [*words, *(("[MASK]", "old") if masked else ())]])
        verbs.append(WORDS.index("are" if noun in PLURAL else "is"))
    return torch.tensor(rows), torch.tensor(verbs)


def learned(make: Callable[[], Any], masked: bool) -> Any:
    """A model that has learned to agree: a few seconds of training."""
    torch.manual_seed(0)
    model = make().train()
    inputs, verbs = sentences(masked)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(120):
        pick = torch.arange(step * 32, step * 32 + 32) % len(inputs)
        logits = model(input_ids=inputs[pick]).logits[:, 5 if masked else 4]
        loss = torch.nn.functional.cross_entropy(logits, verbs[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def task_file(folder: Path, masked: bool = False) -> Path:
    """Agreement as a task file."""
    end = " [MASK] old" if masked else ""
    lines = [
        "name: agreement", "question: is or are?", "answers: [is, are]" if masked else
        'answers: [" is", " are"]', f'template: "the {{noun}} {{place}} the {{other}}{end}"',
        "slots:", f"  place: [{', '.join(PLACES)}]", f"  other: [{', '.join(SINGULAR[:2])}]",
        f"class_a: {{noun: [{', '.join(SINGULAR)}]}}", f"class_b: {{noun: [{', '.join(PLURAL)}]}}",
    ]  # fmt: skip
    path = folder / "agreement.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def saved(folder: Path, model: Any) -> Path:
    """A folder as others publish them: weights, config and tokenizer."""
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
