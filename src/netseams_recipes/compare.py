"""Presets of `netseams compare`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netseams.comparison import CompareConfig
from netseams.core import UnknownNameError
from netseams.corpora import StdlibConfig, TextConfig
from netseams.models import TransformerConfig
from netseams_recipes.settings import string_ops_setting, text_setting, two_routes


@dataclass(frozen=True)
class Preset:
    """A named comparison and what it takes."""

    name: str
    purpose: str
    hardware: str
    minutes: float
    """Expected, on that hardware, after installation."""
    headline: str
    """What came out when it was last run."""
    config: Callable[[], CompareConfig]


def quick() -> CompareConfig:
    """One seed of both corpora."""
    return CompareConfig(
        preset="quick",
        settings=(text_setting(StdlibConfig()), string_ops_setting()),
        seeds=(0,),
    )


def standard() -> CompareConfig:
    """Eight seeds of both corpora: the smallest number that gives intervals."""
    return quick().model_copy(update={"preset": "standard", "seeds": tuple(range(8))})


def smoke() -> CompareConfig:
    """Every stage on the smallest input: it shows that the path works, and nothing else."""
    setting = string_ops_setting(two_routes(0.2), steps=60, search_steps=20)
    small = TransformerConfig(n_layers=1, n_heads=2, d_model=32, d_mlp=64, n_ctx=14, d_vocab=19)
    setting = setting.model_copy(update={"model": small})
    return CompareConfig(preset="smoke", settings=(setting,), seeds=(0,), random_masks=2)


PRESETS: dict[str, Preset] = {
    p.name: p
    for p in (
        Preset(
            "quick",
            "both corpora, one training seed: exploratory",
            "2 CPU cores, 4 GB",
            8,
            "seed 0 of standard",
            quick,
        ),
        Preset(
            "standard",
            "both corpora, eight training seeds: intervals",
            "2 CPU cores, 4 GB",
            85,
            "dense over weight-sparse at 0.15 nats: edges 7.3x [3.2, 11] and nodes 0.9x on "
            "quote_close, 17x [16, 18] and 1.3x on string operations",
            standard,
        ),
        Preset(
            "smoke",
            "one tiny network: only to see that everything runs",
            "1 CPU core",
            0.3,
            "nothing is learned",
            smoke,
        ),
    )
}


def preset(name: str, text: Path | None = None) -> CompareConfig:
    """A preset's config; `text` puts the user's file or folder in the place of the stdlib.

    Raises:
        UnknownNameError: no such preset.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    config = PRESETS[name].config()
    if text is None:
        return config
    own = text_setting(TextConfig(path=text.resolve()))
    return config.model_copy(update={"settings": (own,)})
