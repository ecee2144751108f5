"""Checkpoints in the released format, made by the recipe of `released/README.md`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch


@cache
def expected() -> dict[str, Any]:
    """Tokens, and cases with what the released implementation answers."""
    return json.loads((Path(__file__).parent / "released" / "expected.json").read_text())


def case(name: str) -> dict[str, Any]:
    return next(case for case in expected()["cases"] if case["name"] == name)


def tensors_of(case: dict[str, Any]) -> dict[str, torch.Tensor]:
    draws = np.random.RandomState(case["seed"])
    tensors: dict[str, torch.Tensor] = {}
    for name, shape in case["shapes"].items():
        values = 0.25 * draws.standard_normal(shape)
        gain = ".ln_" in name and name.endswith("weight")
        tensors[name] = torch.tensor(values + gain, dtype=torch.float32)
    if case["config"]["tied_unembed"]:
        tensors["transformer.wte.weight"] = tensors["lm_head.weight"]
    if not case["final_logits_bias"]:
        tensors["final_logits_bias"].zero_()
    return tensors


def write_released(folder: Path, config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "beeg_config.json").write_text(json.dumps(config))
    torch.save(tensors, folder / "final_model.pt")
    return folder
