"""Methods of links and of weights on a model that is not ours: refused in one line."""

import pytest
import torch

from hugging_face_models import gpt2, random_weights
from netseams.circuits import Circuit
from netseams.core import ModelError
from netseams.discovery import METHODS
from netseams.models import HookedModel, only_ours, sites_of
from planted import planted_model, planted_task

LINKS_AND_WEIGHTS = [name for name in METHODS if METHODS[name]().granularity != "nodes"]


@pytest.fixture(scope="module")
def theirs() -> HookedModel:
    return HookedModel(random_weights(gpt2), "someone/model")


@pytest.mark.parametrize("name", LINKS_AND_WEIGHTS)
def test_refused_before_anything_is_searched(name: str, theirs: HookedModel) -> None:
    with pytest.raises(ModelError) as refused:
        METHODS[name]().fit(theirs, planted_task(), {}, (0.1,))
    said = str(refused.value)
    assert "\n" not in said
    assert "someone/model" in said
    assert "node_masks" in said


def test_no_circuit_of_links_or_weights(theirs: HookedModel) -> None:
    with pytest.raises(ModelError, match="circuits of links need a Transformer"):
        Circuit.from_links(theirs, [("input", "logits")], "task", "texts", {})
    with pytest.raises(ModelError, match="circuits of weights need a Transformer"):
        Circuit.from_weights(theirs, {}, "task", "texts", {})
    nodes = {site.name: torch.ones(site.width, dtype=torch.bool) for site in sites_of(theirs.cfg)}
    whole = Circuit.from_nodes(theirs, nodes, "task", "texts", {})
    assert whole.edge_share == 1
    assert whole.without([whole], theirs).n_nodes == 0


def test_ours_is_let_through() -> None:
    model = planted_model()
    assert only_ours(model, "circuits of links") is model
