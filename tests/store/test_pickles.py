"""A pickle can hold code: it is refused, and none of it runs."""

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from netseams.core import FileFormatError
from netseams.store import load_pickled_tensors


class Trap:
    """Leaves a trace when it is unpickled without care."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_tensors_come_back(tmp_path: Path) -> None:
    table = {"a": torch.arange(3.0), "b": torch.ones(2, 2, dtype=torch.float16)}
    torch.save(table, tmp_path / "m.pt")
    found = load_pickled_tensors(tmp_path / "m.pt")
    assert found.keys() == table.keys()
    assert all(torch.equal(found[name], table[name]) for name in table)


@pytest.mark.parametrize("writer", ["torch", "torch, old", "pickle"])
def test_code_is_refused_and_not_run(tmp_path: Path, writer: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / "m.pt"
    table = {"a": torch.ones(2), "b": Trap(trace)}
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Trap(trace)))
    else:
        torch.save(table, path, _use_new_zipfile_serialization=writer == "torch")
    with pytest.raises(FileFormatError, match="refused, nothing in it was run") as caught:
        load_pickled_tensors(path)
    assert not trace.exists()
    assert "\n" not in str(caught.value)
    if writer == "pickle":  # the trap is a real one
        pickle.loads(path.read_bytes())
        assert trace.exists()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    whole = io.BytesIO()
    torch.save({"a": torch.ones(500)}, whole)
    (tmp_path / "m.pt").write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])
    with pytest.raises(FileFormatError, match=r"m\.pt") as caught:
        load_pickled_tensors(tmp_path / "m.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(2)], "flat table"),
        ({"model": {"a": torch.ones(2)}}, "flat table"),
        ({1: torch.ones(2)}, "flat table"),
        ({"a": torch.tensor([1.0, float("inf")])}, "'a' holds NaN or infinity"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(FileFormatError, match=message):
        load_pickled_tensors(tmp_path / "m.pt")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read .*nowhere\.pt"):
        load_pickled_tensors(tmp_path / "nowhere.pt")
    with pytest.raises(FileFormatError, match="not a readable file of tensors"):
        load_pickled_tensors(tmp_path)
