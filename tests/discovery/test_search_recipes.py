"""The named searches find the circuit that was set by hand."""

import pytest

from netseams.core import UnknownNameError
from netseams.discovery import NodeMaskConfig, NodeMasks
from netseams.interventions import mean_activations
from netseams.planted.first_token import (
    first_token,
    first_token_corpus,
    first_token_model,
    first_token_task,
)
from netseams_recipes import SEARCHES, search_recipe

# The planted network has 58 nodes, not thousands, so a node is worth more.
SCALE = {"lr": 0.02, "batch_size": 64, "steps": 300}
PRICES = {
    "plain": {"price_start": 3e-3, "price_end": 3e-3, "lr": 5e-3},
    "ramp": {"price_end": 0.1},
    "fast": {"price_start": 1e-3, "price_end": 0.1},
}


@pytest.mark.parametrize("name", SEARCHES)
def test_recovers_exactly_the_planted_nodes(name: str) -> None:
    model = first_token_model()
    config = NodeMaskConfig(**{**search_recipe(name, 300, 0).model_dump(), **SCALE, **PRICES[name]})
    fitted = NodeMasks(config).fit(
        model, first_token_task(), mean_activations(model, first_token_corpus()), (0.02,)
    )
    circuit = fitted.circuits_[0.02]
    assert circuit is not None
    assert {site: set(m.nonzero().squeeze(1).tolist()) for site, m in circuit.nodes.items()} == (
        first_token().truths["first_token"].nodes
    )


def test_an_unknown_search_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fast'"):
        search_recipe("fas", 10, 0)
