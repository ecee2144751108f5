"""Bridges on disk: one safetensors file whose header names the two networks."""

from pathlib import Path

from netseams.core import FileFormatError
from netseams.models.bridge import Bridges, BridgeShape
from netseams.models.files import model_fingerprint
from netseams.models.transformer import Transformer
from netseams.store import load_format, save_tensors

FORMAT = "netseams.bridges"
VERSION = "1"


def save_bridges(path: Path, bridges: Bridges, dense: Transformer, sparse: Transformer) -> None:
    """Write the maps, their shape and the fingerprints of both networks, atomically.

    Raises:
        SettingError: the bridges do not fit the networks.
        StorageError: no space, or the folder cannot be written.
    """
    bridges.check(dense, sparse)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "shape": bridges.shape.model_dump_json(),
        "dense": model_fingerprint(dense),
        "sparse": model_fingerprint(sparse),
    }
    save_tensors(path, dict(bridges.state_dict()), header)


def load_bridges(path: Path, dense: Transformer, sparse: Transformer) -> Bridges:
    """Read bridges between exactly these two networks.

    Raises:
        FileFormatError: missing, truncated, a pickle, of another format or version, made for
            other networks, or its tensors do not fit its shape.
    """
    tensors, header = load_format(path, FORMAT, VERSION)
    for side, model in (("dense", dense), ("sparse", sparse)):
        ours = model_fingerprint(model)
        if header.get(side) != ours:
            raise FileFormatError(
                f"{path} was made for the {side} network {header.get(side)}, came {ours}: "
                "give the networks that the bridges were trained between"
            )
    bridges = Bridges(BridgeShape.parse_json(header.get("shape", ""), str(path)))
    expected = {name: tuple(tensor.shape) for name, tensor in bridges.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        wrong = sorted(set(expected.items()) ^ set(found.items()))[0][0]
        raise FileFormatError(
            f"{path}: {wrong} should be {expected.get(wrong, 'absent')}, "
            f"came {found.get(wrong, 'nothing')}"
        )
    bridges.load_state_dict(tensors)
    bridges.check(dense, sparse)
    return bridges.to(dense.device)
