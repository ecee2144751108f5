"""Sites and matrices of other people's models, held against what `transformers` says and against
sums over the weights."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hugging_face_models import FAMILIES, WORDS, gpt2, gpt_neox, random_weights, transformers
from netseams.core import ModelError, SettingError, UnknownNameError
from netseams.models import HookedModel, matrices_of, model_fingerprint, sites_of

TOKENS = torch.randint(0, len(WORDS), (3, 7), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=FAMILIES, ids=str)
def theirs(request: pytest.FixtureRequest) -> Any:
    return random_weights(FAMILIES[request.param])


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def bias_of(model: HookedModel, name: str, width: int) -> Tensor:
    """The bias of the layer behind a matrix, by its own layout of fused parts."""
    weight = model._weights[name]
    bias = getattr(model.module.get_submodule(weight.module), "bias", None)
    if bias is None:
        return torch.zeros(width)
    if weight.packed is None:
        return bias
    part, n, width = weight.packed.part, model.cfg.n_heads, model.cfg.d_head
    if weight.packed.axis == 0:  # GPT-2: [all q, all k, all v]
        return bias[part * n * width : (part + 1) * n * width]
    rows = [head * 3 * width + part * width + i for head in range(n) for i in range(width)]
    return bias[rows]


def test_every_site_has_the_batch_and_replacing_it_by_itself_changes_nothing(theirs: Any) -> None:
    """A published tool gave example 0 only, without an error, once blocks returned no tuples."""
    model = HookedModel(theirs)
    with torch.no_grad():
        logits, cache = model.run_with_cache(TOKENS)
        torch.testing.assert_close(logits, theirs(TOKENS).logits, rtol=0, atol=0)
        assert list(cache) == [site.name for site in sites_of(model.cfg)]
        for site in sites_of(model.cfg):
            assert cache[site.name].shape == (3, 7, *site.shape)
            same = model.run_with_hooks(TOKENS, {site.name: lambda x: x.clone()})
            assert torch.equal(same, logits)
            zero = model.run_with_hooks(TOKENS, {site.name: torch.zeros_like})
            assert (zero - logits).abs().amax(dim=(1, 2)).min() > 1e-4, site.name


def test_every_matrix_joins_its_sites(theirs: Any) -> None:
    model = HookedModel(theirs)
    with torch.no_grad():
        _, cache = model.run_with_cache(TOKENS[:, :1])  # one position: attention gives its value
    for m in matrices_of(model.cfg):
        source, target = cache[m.source][:, 0], cache[m.target][:, 0].flatten(1)
        weights, bias = model.matrix(m.parameter), bias_of(model, m.parameter, target.shape[1])
        if m.parameter.endswith("attn.out.weight"):
            heads, d = model.cfg.n_heads, model.cfg.d_head
            given = sum(  # every query head reads the value of its group
                source[:, head // (heads // model.cfg.n_kv_heads)]
                @ weights[:, head * d : (head + 1) * d].T
                for head in range(heads)
            )
        elif "mlp.gate" in m.parameter:
            up = model.matrix(m.parameter.replace("gate", "up"))
            given = F.silu(source @ weights.T) * (source @ up.T)
        elif "mlp.up" in m.parameter and model.cfg.family in ("gpt2", "gpt_neox", "bert"):
            tanh = "tanh" if model.cfg.family == "gpt2" else "none"
            given, bias = F.gelu(source @ weights.T + bias, approximate=tanh), torch.zeros(())
        elif "mlp.up" in m.parameter:
            continue  # beside its gate
        else:
            given = source.flatten(1) @ weights.T
        close(given + bias, target)


PRE_NORM = {n: make for n, make in FAMILIES.items() if n != "bert"}
PRE_NORM["gpt_neox, sequential"] = lambda: gpt_neox(parallel=False)


@pytest.mark.parametrize("make", PRE_NORM.values(), ids=PRE_NORM)
def test_writes_add_up_to_the_residual_stream(make: Callable[[], Any]) -> None:
    theirs = random_weights(make)
    model = HookedModel(theirs)
    with torch.no_grad():
        states = theirs(TOKENS, output_hidden_states=True).hidden_states
        _, cache = model.run_with_cache(TOKENS)
    added = cache["blocks.0.hook_attn_out"] + cache["blocks.0.hook_mlp_out"]
    close(states[0] + added, states[1])
    close(cache["ln_final.hook_normalized"], states[-1])


def test_bert_norms_behind_every_addition() -> None:
    theirs = random_weights(FAMILIES["bert"])
    model = HookedModel(theirs)
    with torch.no_grad():
        states = theirs(TOKENS, output_hidden_states=True).hidden_states
        _, cache = model.run_with_cache(TOKENS)
    layer = theirs.bert.encoder.layer[1]
    close(cache["blocks.1.ln1.hook_normalized"], states[1])
    middle = layer.attention.output.LayerNorm(states[1] + cache["blocks.1.hook_attn_out"])
    close(cache["blocks.1.ln2.hook_normalized"], middle)
    close(layer.output.LayerNorm(middle + cache["blocks.1.hook_mlp_out"]), states[2])
    close(cache["ln_final.hook_normalized"], states[2])


def test_queries_are_ablated_alone(theirs: Any) -> None:
    """A hook on one third of a fused layer leaves the other two as they are."""
    model = HookedModel(theirs)
    name = "blocks.0.attn.hook_q"
    seen: dict[str, Tensor] = {}
    hooks = {name: torch.zeros_like}
    hooks |= {f"blocks.0.attn.hook_{n}": lambda x, n=n: seen.setdefault(n, x) for n in "kv"}
    with torch.no_grad():
        _, cache = model.run_with_cache(TOKENS)
        model.run_with_hooks(TOKENS, hooks)
    for n in "kv":
        assert torch.equal(seen[n], cache[f"blocks.0.attn.hook_{n}"])


def test_logits_at_answers(theirs: Any) -> None:
    model, answers = HookedModel(theirs), torch.tensor([[2, 5], [0, 1], [6, 6]])
    with torch.no_grad():
        found, whole = model(TOKENS, None, answers), model(TOKENS)
    close(found, torch.stack([row[at] for row, at in zip(whole, answers, strict=True)]))


def test_hooks_go_even_after_an_error_and_weights_stay(theirs: Any) -> None:
    before = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    model = HookedModel(theirs)

    def broken(x: Tensor) -> Tensor:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        model(TOKENS, {"blocks.1.mlp.hook_post": broken, "blocks.0.hook_attn_out": lambda x: x})
    for module in theirs.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(torch.equal(before[name], tensor) for name, tensor in theirs.state_dict().items())
    with pytest.raises(UnknownNameError, match="unknown site"):
        model.run_with_hooks(TOKENS, {"blocks.9.hook_attn_out": broken})


def test_grouped_values_have_a_column_for_every_query_head() -> None:
    model = HookedModel(random_weights(FAMILIES["llama"]))
    (out,) = (m for m in matrices_of(model.cfg) if m.parameter == "blocks.0.attn.out.weight")
    kept = torch.zeros(16, dtype=torch.bool)
    kept[9] = True  # the second of two value heads, its second channel of eight
    assert out.columns(kept).nonzero().flatten().tolist() == [17, 25]


def test_fingerprint_is_of_the_weights_and_not_of_the_place() -> None:
    theirs = random_weights(gpt2)
    first = model_fingerprint(HookedModel(theirs, "here"))
    assert first == model_fingerprint(HookedModel(theirs, "there"))
    with torch.no_grad():
        theirs.transformer.h[1].mlp.c_fc.weight[3, 4] += 1
    assert model_fingerprint(HookedModel(theirs, "here")) != first


def test_what_cannot_be_hooked_is_refused_in_a_line() -> None:
    opt = transformers.OPTForCausalLM(transformers.OPTConfig(
        vocab_size=20, hidden_size=16, ffn_dim=24, num_hidden_layers=1, num_attention_heads=2,
        word_embed_proj_dim=16, max_position_embeddings=8,
    )).eval()  # fmt: skip
    with pytest.raises(ModelError, match=r"type 'opt'.*self_attn\.q_proj.*docs/your-model\.md"):
        HookedModel(opt)
    with pytest.raises(SettingError, match="training mode"):
        HookedModel(gpt2().train())
    with pytest.raises(ModelError, match="load it as float32 or bfloat16"):
        HookedModel(gpt2().half().eval())
    tied = gpt2().eval()
    tied.transformer.h[1].mlp.c_fc.weight = tied.transformer.h[0].mlp.c_fc.weight
    with pytest.raises(ModelError, match="share their weights"):
        HookedModel(tied)
    quantised = gpt2().eval()
    layer = quantised.transformer.h[0].mlp.c_fc
    layer.weight = nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
    with pytest.raises(ModelError, match="quantised weights"):
        HookedModel(quantised)
    other = gpt2().eval()
    del other.transformer.h[1].mlp
    with pytest.raises(ModelError, match=r"names a module 'transformer\.h\.1\.mlp\.c_proj'"):
        HookedModel(other)


def test_a_site_that_never_comes_by_is_no_silent_success() -> None:
    theirs = random_weights(gpt2)
    model = HookedModel(theirs)
    theirs.transformer.h[1].mlp.forward = lambda x: x
    with pytest.raises(ModelError, match="came by 0 times"):
        model(TOKENS, {"blocks.1.mlp.hook_post": lambda x: x})
