"""Texts -> prompts of other people's models, through the tokenizer that belongs to them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from netseams.core import FileFormatError, TaskError
from netseams.models.hugging_face import folder_of, import_transformers, quiet

MASK = "[MASK]"
"""What stands for the asked word in texts for masked models, whatever their own mask is."""

# Without any of them transformers makes an empty tokenizer and says nothing.
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model")
_NO_TOKENIZER = (
    "{} holds no tokenizer that transformers can read ({}): texts need the model's own; put its "
    "tokenizer.json and tokenizer_config.json beside the weights"
)


@dataclass(frozen=True)
class Prompt:
    """Tokens, the position whose logits answer, and the token (or class) that is right there."""

    tokens: tuple[int, ...]
    position: int
    answer: int


@runtime_checkable
class Prompts(Protocol):
    """Turns a text and its answer into a prompt."""

    def __call__(self, text: str, answer: str) -> Prompt: ...


class NextToken:
    """For causal models: the text breaks off where the answer is due."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __call__(self, text: str, answer: str) -> Prompt:
        """The text's tokens and the first of the answer.

        Raises:
            TaskError: the answer begins inside a token.
        """
        begun, whole = self._ids(text), self._ids(text + answer)
        if not begun or whole[: len(begun)] != begun or len(whole) == len(begun):
            raise TaskError(
                f"the answer {answer!r} begins inside a token after {text[-20:]!r}; move a space "
                "from the end of the text to the answer"
            )
        return Prompt(tuple(begun), len(begun) - 1, whole[len(begun)])

    def _ids(self, text: str) -> list[int]:
        """Without what some tokenizers put behind a text."""
        ids, special = list(self._tokenizer(text)["input_ids"]), self._tokenizer.all_special_ids
        while len(ids) > 1 and ids[-1] in special:
            ids.pop()
        return ids


class UnderMask:
    """For masked models: `[MASK]` stands in the text where the answer is due."""

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.mask_token_id is None:
            raise TaskError("this model's tokenizer has no mask token: nothing can be asked")
        self._tokenizer = tokenizer

    def __call__(self, text: str, answer: str) -> Prompt:
        """The text's tokens, special ones included, and the answer's only one.

        Raises:
            TaskError: not exactly one mask, or an answer that is not one known token.
        """
        mask = self._tokenizer.mask_token_id
        ids = list(self._tokenizer(text.replace(MASK, self._tokenizer.mask_token))["input_ids"])
        if ids.count(mask) != 1:
            raise TaskError(
                f"expected one {MASK} where the answer is due, came {ids.count(mask)} in "
                f"{text[-60:]!r}"
            )
        answers = self._tokenizer(answer, add_special_tokens=False)["input_ids"]
        if len(answers) != 1 or answers[0] == self._tokenizer.unk_token_id:
            pieces = self._tokenizer.convert_ids_to_tokens(answers)
            raise TaskError(
                f"the answer {answer!r} should be one token of this model, came {pieces}: "
                "choose another word"
            )
        return Prompt(tuple(ids), ids.index(mask), answers[0])


class WholeText:
    """For encoders with a read-out: the answer is one of two classes of texts."""

    def __init__(self, tokenizer: Any, classes: list[str]) -> None:
        self._tokenizer = tokenizer
        self._classes = classes

    def __call__(self, text: str, answer: str) -> Prompt:
        """All tokens, special ones included; the read-out has one position."""
        return Prompt(tuple(self._tokenizer(text)["input_ids"]), 0, self._classes.index(answer))


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer in a Hugging Face model's folder. No code from outside is run.

    Raises:
        FileFormatError: there is none, or it cannot be read.
        SettingError: transformers is not installed.
    """
    transformers = import_transformers()
    folder = folder_of(source)
    if not any((folder / name).exists() for name in _TOKENIZER_FILES):
        raise FileFormatError(_NO_TOKENIZER.format(folder, "none of its files is there"))
    try:
        with quiet(transformers):
            return transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileFormatError(_NO_TOKENIZER.format(folder, first[:120])) from None
