"""Another side of `peers.py`: TransformerLens 4.3, as the code of GPT-2 runs the network.

    PYTHON_WITH_TRANSFORMER_LENS peers_transformer_lens.py FOLDER

One job, EAP: TransformerLens takes the gradient on the corrupt run, does one pair at a time, and
keeps edges apart by position; here they are summed over positions.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from peers_serve import Found, read, serve
from torch import Tensor
from transformer_lens.model_bridge.sources import build_bridge_from_module
from transformer_lens.tools.analysis.attribution_patching import (
    EdgeAttributionConfig,
    Node,
    attribution_patch,
)
from transformers import GPT2LMHeadModel


class Lens:
    def __init__(self, folder: Path) -> None:
        network = GPT2LMHeadModel.from_pretrained(folder).eval()
        tensors, _ = read(folder)
        self.clean, self.corrupt, self.answers = (
            tensors[name] for name in ("clean", "corrupt", "answers")
        )
        bridge = build_bridge_from_module(network, "GPT2LMHeadModel", hf_config=network.config)
        self.model = bridge.eval()

    def logits_of_clean(self) -> Found:
        with torch.no_grad():
            return {"logits": self.model(self.clean)[:, -1].tolist()}

    def eap(self) -> Found:
        """The metric is shown the logits of one run, of pair after pair, clean and then corrupt."""
        turns = iter(self.answers.repeat_interleave(2))

        def loss(logits: Tensor) -> Tensor:
            return F.cross_entropy(logits[:, -1], next(turns).unsqueeze(0))

        config = EdgeAttributionConfig(granularity="edge")
        found = attribution_patch(self.model, self.clean, self.corrupt, loss, config)
        return {"scores": found.edge_scores}

    def named(self, found: Found) -> Found:
        scores: dict[str, float] = {}
        for (source, target), score in found.pop("scores", {}).items():
            name = f"{our_name(source)}->{our_name(target)}"
            scores[name] = scores.get(name, 0.0) + score
        return found | {"scores": scores}


def our_name(node: Node) -> str:
    if node.kind in ("embed", "logits"):
        return {"embed": "input", "logits": "logits"}[node.kind]
    if node.kind.startswith("mlp"):
        return f"m{node.layer}"
    slot = "" if node.kind == "attn_head_out" else f"<{node.kind[0]}>"
    return f"a{node.layer}.h{node.head}{slot}"


if __name__ == "__main__":
    serve(Lens, ("transformer-lens", "transformers", "torch", "numpy"))
