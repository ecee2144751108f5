import contextlib
import json
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from netseams.core import FileFormatError, StorageError
from netseams.store import load_tensors, read_tensor_header, save_tensors

READERS = [load_tensors, read_tensor_header]


class Bomb:
    """Unpickling it would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.safetensors"
    save_tensors(path, {"w": torch.arange(12.0).reshape(3, 4)}, {"format": "test"})
    return path


def test_round_trip_is_exact(tmp_path: Path) -> None:
    draws = torch.Generator().manual_seed(0)
    tensors = {
        "float": torch.randn(3, 5, generator=draws),
        "tiny": torch.tensor([1e-45, -0.0, 3.4e38]),
        "double": torch.randn(2, generator=draws, dtype=torch.float64),
        "ids": torch.tensor([[1, -(2**62)]]),
        "mask": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "transposed": torch.randn(4, 6, generator=draws).T,
    }
    header = {"format": "x", "facts": json.dumps({"naïve": 1})}
    save_tensors(tmp_path / "t.safetensors", tensors, header)
    found, found_header = load_tensors(tmp_path / "t.safetensors")
    assert found_header == header == read_tensor_header(tmp_path / "t.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert found[name].contiguous().numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def test_the_file_is_plain_safetensors(good: Path) -> None:
    data = good.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8 : 8 + length])["w"]
    begin, end = entry["data_offsets"]
    values = np.frombuffer(data[8 + length + begin : 8 + length + end], "<f4")
    assert entry["dtype"] == "F32"
    assert values.reshape(entry["shape"]).tolist() == np.arange(12.0).reshape(3, 4).tolist()


def test_headers_of_any_length_can_be_read(tmp_path: Path) -> None:
    """The file starts with its header's length, which may look like the start of a pickle."""
    path, starts = tmp_path / "t.safetensors", set()
    for padding in [*range(0, 1600, 8), *range(19_150, 19_260, 8)]:
        header = {"note": "x" * padding}
        save_tensors(path, {"w": torch.ones(2)}, header)
        starts.add(path.read_bytes()[:2])
        assert load_tensors(path)[1] == read_tensor_header(path) == header
    assert {b"PK", *(bytes([0x80, protocol]) for protocol in (2, 3, 4, 5))} <= starts


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_truncated(good: Path, share: float) -> None:
    data = good.read_bytes()
    good.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FileFormatError) as caught:
        load_tensors(good)
    assert str(good) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_random_bytes(tmp_path: Path) -> None:
    draws = random.Random(0)
    for number in range(200):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(draws.randbytes(draws.randrange(300)))
        for read in READERS:
            with pytest.raises(FileFormatError):
                read(path)


def test_flipped_bytes_never_crash(good: Path) -> None:
    draws = random.Random(0)
    data = good.read_bytes()
    for _ in range(300):
        damaged = bytearray(data)
        damaged[draws.randrange(len(data) - 48)] = draws.randrange(256)
        good.write_bytes(damaged)
        with contextlib.suppress(FileFormatError):
            load_tensors(good)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_refused_and_never_run(tmp_path: Path, read, zipped: bool) -> None:
    path, trace = tmp_path / "model.pt", tmp_path / "trace"
    torch.save({"w": Bomb(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(FileFormatError, match="pickle"):
        read(path)
    assert not trace.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_values_that_are_not_finite_are_refused(
    tmp_path: Path, value: float, dtype: torch.dtype
) -> None:
    path = tmp_path / "t.safetensors"
    bad = torch.zeros(3, 4, dtype=dtype)
    bad[2, 1] = value
    save_tensors(path, {"fine": torch.ones(2), "bad": bad}, {})
    with pytest.raises(FileFormatError, match="tensor 'bad' holds NaN or infinity"):
        load_tensors(path)


@pytest.mark.parametrize("read", READERS)
def test_missing_and_folder(tmp_path: Path, read) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(FileFormatError, match="cannot read"):
            read(path)


def test_a_failed_write_keeps_the_old_tensors(good: Path, monkeypatch) -> None:
    before = good.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError):
        save_tensors(good, {"w": torch.zeros(1000)}, {})
    assert good.read_bytes() == before
    assert [path.name for path in good.parent.iterdir()] == [good.name]


def test_saving_leaves_gradients_and_values_alone(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    save_tensors(tmp_path / "t.safetensors", {"w": weight}, {})
    assert weight.requires_grad
    assert not load_tensors(tmp_path / "t.safetensors")[0]["w"].requires_grad
