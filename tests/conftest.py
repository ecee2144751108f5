"""Shape checks while testing, a private cache, and small things to test with."""

import random
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception, BeartypeDecorHintPep3119Exception
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

_typed = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do for a float


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """`beartype`, but for the few signatures whose `Self` or plain protocol it cannot check."""
    try:
        return _typed(function)
    except (BeartypeDecorHintPep673Exception, BeartypeDecorHintPep3119Exception):
        return function


sys.modules["shape_checker"] = types.ModuleType("shape_checker")
sys.modules["shape_checker"].checked = _checked  # type: ignore[attr-defined]
install_import_hook("netseams", "shape_checker.checked")
torch.set_num_threads(1)
settings.register_profile(
    "steady",  # the same examples every time, whatever the load of the machine
    deadline=None, derandomize=True, database=None, max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("steady")

from netseams.corpora import StringOps, StringOpsConfig, TextConfig, TextCorpus  # noqa: E402
from netseams.corpora.documents import split_of  # noqa: E402
from netseams.models import Transformer, TransformerConfig  # noqa: E402

N_CTX = 32
"""Window length for which `text_folder` holds enough examples of every task on text."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the session, never the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETSEAMS_CACHE", str(folder))
        yield folder


@pytest.fixture
def tiny_config() -> TransformerConfig:
    """Two layers with every optional part; fits `string_ops` and `text_corpus`."""
    return TransformerConfig(
        n_layers=2, n_heads=4, d_model=16, d_mlp=24, n_ctx=N_CTX, d_vocab=400,
        sinks=True, bigram=True,
    )  # fmt: skip


def randomize(model: Transformer, seed: int = 0, scale: float = 0.4) -> Transformer:
    """Replace every weight, biases, sinks and the bigram table included, by N(0, scale)."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, scale, generator=draws)
    return model


@pytest.fixture
def random_model() -> Callable[..., Transformer]:
    """Config (and seed) -> a model without a single zero weight."""
    return lambda cfg, seed=0: randomize(Transformer(cfg), seed)


@pytest.fixture
def tiny_model(tiny_config: TransformerConfig) -> Transformer:
    return randomize(Transformer(tiny_config))


@pytest.fixture(scope="session")
def string_ops() -> StringOps:
    return StringOps(StringOpsConfig())


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 files of Python: 10 train, 14 valid, 8 test, enough for tasks of `N_CTX` positions."""
    folder = tmp_path_factory.mktemp("python_files")
    wanted = {"train": 10, "valid": 14, "test": 8}
    number = 0
    while any(wanted.values()):
        name = f"module_{number:03d}.py"
        if wanted[split_of(name)]:
            wanted[split_of(name)] -= 1
            (folder / name).write_text(_python_source(number), encoding="utf-8")
        number += 1
    return folder


@pytest.fixture(scope="session")
def text_corpus(text_folder: Path, cache: Path) -> TextCorpus:
    return TextCorpus(TextConfig(path=text_folder, d_vocab=400))


_WORDS = [
    "alpha", "basin", "cargo", "delta", "ember", "fable", "grain", "harbor", "index", "joint",
    "kernel", "lemon", "margin", "nickel", "orbit", "parcel", "quartz", "river", "signal",
    "timber", "update", "vector", "window", "zenith",
]  # fmt: skip


@pytest.fixture(scope="session")
def python_source() -> Callable[[int], str]:
    """Seed -> a generated module."""
    return _python_source


def _python_source(seed: int) -> str:
    """A valid Python module: strings in both kinds of quotes, nested brackets, hard cases."""
    draws = random.Random(seed)

    def words(n: int, joint: str = " ") -> str:
        return joint.join(draws.choice(_WORDS) for _ in range(n))

    def name() -> str:
        return f"{words(2, '_')}_{draws.randrange(1000)}"

    lines = [f'"""{words(6).capitalize()}."""', "", f"import {words(1)}", ""]
    for i in range(30):
        function, table = name(), name()
        lines += [f"def {function}({words(1)}_a, {words(1)}_b, size={draws.randrange(90)}):"]
        if i % 7 == 0:
            lines += [f'    """{words(4)}\n\n    {words(3)}: "{words(1)}" (naïve) ☃\n    """']
        for quote in draws.sample("'\"", 2):
            other = "'" if quote == '"' else '"'
            lines += [
                f"    # {words(8)} – {words(6)}",
                f"    {table} = {words(1)}_a + {draws.randrange(9999)} * {words(1)}_b - size",
                f"    {table} = {table} or {name()} or {name()} and {name()}",
                f"    {name()} = {quote}{words(draws.randrange(1, 4))}{quote}",
                f"    {words(1)}_c = {words(1)}[{words(1)}_a[{draws.randrange(99)}] + size]",
                f"    {words(1)}_d = {words(1)}({table}[size], ({words(1)}_b - size))",
            ]
            if i % 5 == 0:
                lines += [
                    f"    {name()} = {quote}{quote} + {quote}{words(1)} {other}{words(1)}{quote}",
                    f"    {name()} = r{quote}\\{quote}{words(1)}{quote}, f{quote}{words(1)}{quote}",
                    f"    {name()} = {{size: [], 1: ()}}  # {words(1)} isn't ({words(1)}]",
                    f"    {name()} = {quote}{words(2)}{quote}",
                ]
        lines += [f"    return {table}[{name()}]", "", ""]
    return "\n".join(lines)
