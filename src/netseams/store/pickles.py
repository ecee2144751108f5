"""Other people's `.pt` and `.bin` files, through the restricted loader only: no code is run."""

import pickle
import warnings
from pathlib import Path

import torch
from torch import Tensor

from netseams.core import FileFormatError
from netseams.store.tensors import check_finite


def load_pickled(path: Path) -> object:
    """Read tensors and plain containers that `torch.save` wrote.

    Everything else is refused before it is run (`torch.load(weights_only=True)`).

    Raises:
        FileFormatError: the file is missing, damaged, or holds code or other objects.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old archive types, of which the caller knows
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror}") from None
    except pickle.UnpicklingError:
        raise FileFormatError(
            f"{path} is damaged or holds more than tensors (a pickle can hold code): refused, "
            "nothing in it was run; ask for a safetensors file"
        ) from None
    except (RuntimeError, ValueError, EOFError, OSError, KeyError, TypeError, IndexError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileFormatError(
            f"{path} is not a readable file of tensors ({first}): it may be truncated; "
            "copy it again"
        ) from None


def load_pickled_tensors(path: Path) -> dict[str, Tensor]:
    """Read a table of named tensors that `torch.save` wrote, as `load_pickled` does.

    Raises:
        FileFormatError: the file is missing, damaged, holds code or other objects, is not a flat
            table of tensors, or holds NaN or infinity.
    """
    table = load_pickled(path)
    if not isinstance(table, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in table.items()
    ):
        raise FileFormatError(f"{path} should hold a flat table of names and tensors")
    for name, tensor in table.items():
        check_finite(path, name, tensor)
    return table
