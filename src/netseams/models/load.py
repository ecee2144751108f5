"""One door for every format that we read."""

from pathlib import Path

from netseams.core import FileFormatError
from netseams.models import gpt2, released
from netseams.models.files import read_model
from netseams.models.foreign import read_json
from netseams.models.hub import download, is_hub_name
from netseams.models.packed import PACKED_FILE, load_packed
from netseams.models.transformer import Transformer

_OURS = "model.safetensors"


def load_model(source: str | Path) -> Transformer:
    """Read a model from a file, a folder, or by name from the Hugging Face hub.

    Read are: a file of `save_model`; the folder of a training run, packed or not; a folder of the
    release of arXiv 2511.13653; a Hugging Face folder of GPT-2's shape; `owner/name` on the hub (a
    text, and nothing here has that name). No format runs code.

    Args:
        source: path or name.

    Returns:
        A model to be called as `model(tokens) -> logits`.

    Warns:
        UserWarning: a foreign config has keys that we do not know.

    Raises:
        FileFormatError: nothing there that can be read, or it is damaged or does not fit; the
            hub cannot be reached.
        SettingError: a name on the hub, and huggingface_hub is not installed.
    """
    path = Path(source)
    if not path.exists() and isinstance(source, str) and is_hub_name(source):
        path = download(source)
    if not path.is_dir():
        return read_model(path)
    if (path / released.CONFIG_FILE).exists():
        return released.load_released(path)
    config = path / gpt2.CONFIG_FILE
    kind = read_json(config).get("model_type") if config.exists() else None
    if kind == "gpt2":
        return gpt2.load_gpt2(path)
    if kind is not None:
        raise FileFormatError(f"{path} holds a {kind!r} model: of Hugging Face's, gpt2 can be read")
    if (path / _OURS).exists():
        return read_model(path / _OURS)
    if (path / PACKED_FILE).exists():
        return load_packed(path / PACKED_FILE)
    raise FileFormatError(
        f"{path} holds no model that can be read: expected {_OURS} of ours, "
        f"{released.CONFIG_FILE} with {released.WEIGHTS_FILE}, or {gpt2.CONFIG_FILE} with "
        f"{gpt2.WEIGHTS_FILE}"
    )
