"""Models by name from the Hugging Face hub: files only, never code."""

import re
from pathlib import Path

from netseams.core import FileFormatError, SettingError
from netseams.models import gpt2, released

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FIRST = [released.CONFIG_FILE, gpt2.CONFIG_FILE, gpt2.WEIGHTS_FILE]
_PICKLES = [gpt2.PICKLE_FILE, released.WEIGHTS_FILE]


def is_hub_name(text: str) -> bool:
    """Whether `text` has the form `owner/name`."""
    return _NAME.fullmatch(text) is not None


def download(name: str, files: list[str] | None = None) -> Path:
    """A local folder with the files of a model on the hub, downloaded once and then kept.

    Weights as safetensors are preferred; pickles are asked for only where there are none.

    Args:
        files: patterns of their names; by default what `load_model` reads.

    Raises:
        SettingError: huggingface_hub is not installed.
        FileFormatError: no such model, or the hub cannot be reached and the model is not kept.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils import LocalEntryNotFoundError
    except ImportError:
        raise SettingError(
            f"{name} is no folder here, and names on the hub need huggingface_hub: "
            "pip install 'netseams[hf]'"
        ) from None
    try:
        wanted = files or _FIRST
        folder = Path(snapshot_download(name, allow_patterns=wanted))
        if not any(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=wanted + _PICKLES))
    except LocalEntryNotFoundError:
        raise FileFormatError(
            f"{name} is no folder here, and the hub cannot be reached: on a machine that can, get "
            f"{gpt2.CONFIG_FILE} and {gpt2.WEIGHTS_FILE} (or {released.CONFIG_FILE} and "
            f"{released.WEIGHTS_FILE}), put them in one folder here and give that folder"
        ) from None
    except Exception as error:  # the client's transport changed: its errors share no base
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileFormatError(
            f"{name} is no folder here, and the hub does not give it ({first}): check the name, "
            "and that it is public"
        ) from None
    return folder
