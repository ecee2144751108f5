"""Models of `transformers`, by folder or name, behind hooks at our sites."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from netseams.core import Device, FileFormatError, ModelError, SettingError, device_named
from netseams.models.adapters import ADAPTERS
from netseams.models.adapters.resolve import QUANTISED, no_adapter
from netseams.models.foreign import read_json
from netseams.models.hooked import HookedModel
from netseams.models.hooked_config import Precision
from netseams.models.hub import download, is_hub_name

CONFIG_FILE = "config.json"
_FILES = ["*.json", "*.safetensors", "vocab.txt", "merges.txt", "*.model"]


def load_hooked(
    source: str | Path, dtype: Precision = "float32", device: Device = "cpu", headless: bool = False
) -> HookedModel:
    """Read a Hugging Face model for which there is an adapter. No code from outside is run.

    Args:
        source: folder with `config.json` and weights, or `owner/name` on the hub.
        dtype: what the weights are turned into.
        device: cpu or cuda.
        headless: the encoder alone, for a read-out of one's own.

    Raises:
        FileFormatError: nothing there that can be read, or the hub cannot be reached.
        ModelError: no adapter; quantised weights; no weights for the head.
        SettingError: transformers is not installed, or a GPU was asked for and there is none.
    """
    transformers = import_transformers()
    place = device_named(device)
    folder = folder_of(source)
    theirs = _config(transformers, folder)
    if theirs.get("quantization_config") is not None:
        raise ModelError(QUANTISED.format(source))
    with quiet(transformers):
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if config.model_type not in ADAPTERS:
            raise ModelError(no_adapter(config.model_type, _hollow(transformers, config)))
        causal = ADAPTERS[config.model_type].causal
        kind = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForMaskedLM
        module = _weights(
            transformers.AutoModel if headless else kind, folder, getattr(torch, dtype)
        )
    return HookedModel(module.to(place).eval(), str(source))


def import_transformers() -> Any:
    """The library.

    Raises:
        SettingError: it is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise SettingError(
            "models of Hugging Face need transformers: pip install 'netseams[hf]'"
        ) from None
    return transformers


def folder_of(source: str | Path) -> Path:
    """The folder itself, or a local copy of a model on the hub.

    Raises:
        FileFormatError: neither.
    """
    path = Path(source)
    if not path.exists() and isinstance(source, str) and is_hub_name(source):
        return download(source, _FILES)
    if not (path / CONFIG_FILE).exists():
        raise FileFormatError(
            f"{path} holds no {CONFIG_FILE}: expected the folder of a Hugging Face model, or "
            "owner/name on the hub"
        )
    return path


@contextlib.contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """No reports and bars of theirs: what matters is said by us."""
    logs = transformers.utils.logging
    before, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(before)
        if bars:
            logs.enable_progress_bar()


def _config(transformers: Any, folder: Path) -> dict[str, Any]:
    theirs = read_json(folder / CONFIG_FILE)
    family = theirs.get("model_type")
    if family not in transformers.CONFIG_MAPPING:
        raise ModelError(
            f"{folder / CONFIG_FILE}: model_type is {family!r}, which the installed transformers "
            f"does not know; there are adapters for {', '.join(ADAPTERS)}"
        )
    return theirs


def _weights(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    try:
        module, info = kind.from_pretrained(
            folder, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileFormatError(f"transformers cannot read {folder}: {first:.200}") from None
    missing = sorted(name for name in info["missing_keys"] if "pooler" not in name)
    if missing:
        raise ModelError(
            f"{folder} has no weights for {', '.join(missing[:3])}, which would be random: an "
            "encoder without a head needs a read-out of its own, see docs/your-model.md"
        )
    return module


def _hollow(transformers: Any, config: Any) -> Any:
    """The modules of a model without any weights."""
    with torch.device("meta"):
        return transformers.AutoModel.from_config(config, trust_remote_code=False)
