"""Where something is computed. That is no part of what it is: no config holds it."""

from typing import Literal

import torch

from netseams.core.errors import SettingError

Device = Literal["cpu", "cuda"]


def device_named(name: Device) -> torch.device:
    """The device called so.

    Raises:
        SettingError: a GPU was asked for and torch sees none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError(
            "--device cuda needs a CUDA device, and torch sees none here: use --device cpu, or "
            "install a build of torch that fits the driver of your GPU"
        )
    return torch.device(name)
