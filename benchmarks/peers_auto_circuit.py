"""The other side of `peers.py`: auto-circuit 1.0.1.

    PYTHON_WITH_AUTO_CIRCUIT peers_auto_circuit.py FOLDER

Started by `peers.py`, with an environment in which netseams need not be.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from auto_circuit.data import PromptDataLoader, PromptDataset
from auto_circuit.prune import run_circuits
from auto_circuit.prune_algos.ACDC import acdc_prune_scores
from auto_circuit.prune_algos.mask_gradient import mask_gradient_prune_scores
from auto_circuit.types import AblationType, PatchType
from auto_circuit.utils.ablation_activations import src_ablations
from auto_circuit.utils.graph_utils import patch_mode, patchable_model, set_all_masks
from peers_serve import Found, read, serve
from torch import Tensor
from transformer_lens import HookedTransformer, HookedTransformerConfig


def network(tensors: dict[str, Tensor], shape: dict[str, Any]) -> HookedTransformer:
    """The same maths in TransformerLens: its matrices are transposed and split by head.

    Taken for granted: GELU, learned positions, biases, and none in the unembedding.
    """
    heads, width = shape["n_heads"], shape["d_model"]
    kind = {"layer": "LN", "rms": "RMS"}[shape["norm"]]
    cfg = HookedTransformerConfig(
        n_layers=shape["n_layers"], n_heads=heads, d_model=width, d_head=width // heads,
        d_mlp=shape["d_mlp"], n_ctx=shape["n_ctx"], d_vocab=shape["d_vocab"], act_fn="gelu",
        normalization_type=kind, eps=shape["norm_epsilon"], device="cpu",
        use_attn_result=True, use_split_qkv_input=True, use_hook_mlp_in=True,
    )  # fmt: skip
    model = HookedTransformer(cfg)
    values = {"unembed.b_U": torch.zeros(shape["d_vocab"])}
    values["embed.W_E"] = tensors["embed.weight"]
    values["pos_embed.W_pos"] = tensors["pos_embed.weight"]
    values["unembed.W_U"] = tensors["unembed.weight"].T
    norms = ["ln_final"]
    for i in range(cfg.n_layers):
        at = f"blocks.{i}"
        norms += [f"{at}.ln1", f"{at}.ln2"]
        for slot in "qkv":
            weight = tensors[f"{at}.attn.{slot}.weight"]  # (heads x d_head, d_model)
            values[f"{at}.attn.W_{slot.upper()}"] = weight.view(heads, -1, width).transpose(1, 2)
            bias = tensors[f"{at}.attn.{slot}.bias"]
            values[f"{at}.attn.b_{slot.upper()}"] = bias.view(heads, -1)
        values[f"{at}.attn.W_O"] = tensors[f"{at}.attn.out.weight"].T.reshape(heads, -1, width)
        values[f"{at}.attn.b_O"] = tensors[f"{at}.attn.out.bias"]
        for theirs, ours in (("in", "up"), ("out", "down")):
            values[f"{at}.mlp.W_{theirs}"] = tensors[f"{at}.mlp.{ours}.weight"].T
            values[f"{at}.mlp.b_{theirs}"] = tensors[f"{at}.mlp.{ours}.bias"]
    for norm in norms:
        values[f"{norm}.w"] = tensors.get(f"{norm}.norm.gain", torch.ones(width))
        values[f"{norm}.b"] = tensors.get(f"{norm}.norm.bias", torch.zeros(width))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(values[name])
            parameter.requires_grad_(False)
    return model.eval()


class AutoCircuit:
    def __init__(self, folder: Path) -> None:
        tensors, shape = read(folder)
        self.plain = network(tensors, shape)
        self.clean, corrupt = tensors["clean"], tensors["corrupt"]
        answers = tensors["answers"].unsqueeze(1)
        self.answers, pairs = tensors["answers"], len(answers)
        with torch.no_grad():
            self.logits = self.plain(self.clean)[:, -1]
        data = PromptDataset(self.clean, corrupt, list(answers), list(answers))
        self.loader = PromptDataLoader(
            data, seq_len=None, diverge_idx=0, batch_size=pairs, shuffle=False
        )
        self.model = patchable_model(
            self.plain, factorized=True, slice_output="last_seq", separate_qkv=True
        )
        self.scores: dict[str, Tensor] = {}

    def logits_of_clean(self) -> Found:
        return {"logits": self.logits.tolist()}

    def eap(self) -> Found:
        self.scores = self._gradients(mask_val=0.0)
        return {"masks": self.scores}

    def ig(self, passes: int) -> Found:
        """Gates of all edges go from 0 to 1 together. The function adds up one pass more than it
        is asked for, so it is asked for one less, and its sum is divided here."""
        found = self._gradients(integrated_grad_samples=passes - 1)
        return {"masks": {name: x / passes for name, x in found.items()}}

    def _gradients(self, **how: float) -> dict[str, Tensor]:
        return mask_gradient_prune_scores(
            self.model, self.loader, None, grad_function="logprob", answer_function="avg_val",
            ablation_type=AblationType.RESAMPLE, clean_corrupt="corrupt", **how,
        )  # fmt: skip

    def exact(self) -> Found:
        """One edge at a time, each run from its target's layer on, as their ACDC does it.

        From the last layer to the first: a run overwrites what later layers wrote in the one
        before it, and only those.
        """
        model, batch = self.model, next(iter(self.loader))
        ablated = src_ablations(model, batch.corrupt)
        current = src_ablations(model, batch.clean)
        set_all_masks(model, 0.0)
        found: dict[str, float] = {}
        with torch.inference_mode():
            whole = self._loss(model(batch.clean)[:, -1])
            _, cache = model.run_with_cache(batch.clean)
            streams = [cache[f"blocks.{i}.hook_resid_pre"] for i in range(model.cfg.n_layers)]
            with patch_mode(model, ablated, curr_src_outs=current):
                for edge in sorted(model.edges, key=lambda edge: -edge.dest.layer):
                    layer = int(edge.dest.module_name.split(".")[1])
                    mask = edge.patch_mask(model).data
                    mask[edge.patch_idx] = 1.0
                    logits = model(streams[layer], start_at_layer=layer)[:, -1]
                    mask[edge.patch_idx] = 0.0
                    found[our_name(edge.name)] = self._loss(logits) - whole
        return {"scores": found}

    def curve(self, sizes: list[int]) -> Found:
        """Losses of the first edges by EAP; the others carry the corrupt run's activations."""
        outputs = run_circuits(
            self.model, self.loader, sizes, self.scores, PatchType.TREE_PATCH, AblationType.RESAMPLE
        )
        batch = next(iter(self.loader)).key  # all pairs are one batch
        return {"losses": [self._loss(outputs[size][batch]) for size in sizes]}

    def acdc(self, exponent: int) -> Found:
        """One threshold, 10 to the power of `exponent`, on the KL divergence from the network."""
        scores = acdc_prune_scores(
            self.model, self.loader, None, tao_exps=[exponent], tao_bases=[1]
        )
        return {"left": sum(int(x.isinf().sum()) for x in scores.values())}

    def _loss(self, logits: Tensor) -> float:
        return float(F.cross_entropy(logits, self.answers))

    def named(self, found: Found) -> Found:
        if "masks" in found:  # scores in the shape of the masks of every target
            scores = found.pop("masks")
            found["scores"] = {
                our_name(edge.name): float(edge.prune_score(scores)) for edge in self.model.edges
            }
        return found


def our_name(edge: str) -> str:
    """auto-circuit's `A0.1->MLP 2` is `a0.h1->m2`."""

    def part(name: str) -> str:
        kind, _, rest = name.partition(" ")
        if kind == "Resid":
            return {"Start": "input", "End": "logits"}[rest]
        if kind == "MLP":
            return f"m{rest}"
        layer, head, *slot = kind[1:].split(".")
        return f"a{layer}.h{head}" + "".join(f"<{s.lower()}>" for s in slot)

    return "->".join(part(name) for name in edge.split("->"))


if __name__ == "__main__":
    serve(AutoCircuit, ("auto-circuit", "transformer-lens", "torch", "numpy"))
