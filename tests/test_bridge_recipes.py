"""Recipes of bridges are whole configs whose networks can be joined."""

import pytest

from netseams.models.bridge import bridge_shape
from netseams.training import Dense, WeightSparse
from netseams_recipes.bridges import maps_only, string_ops_pair, text_pair, together


@pytest.mark.parametrize("pair", [string_ops_pair, text_pair])
def test_pairs_differ_in_width_and_sparsity_alone_and_can_be_joined(pair):
    dense, sparse = pair(seed=3)
    shape = bridge_shape(dense.model, sparse.model)
    assert shape.d_dense < shape.d_sparse
    assert dense.corpus == sparse.corpus
    assert dense.seed == sparse.seed == 3
    assert (dense.arm, sparse.arm) == ("dense", "weight_sparse")
    assert sparse.train.model_copy(update={"sparsity": Dense()}) == dense.train


def test_learning_together_keeps_the_final_density_from_the_first_step():
    _, sparse = string_ops_pair()
    config = together(sparse.train, steps=7)
    assert config.maps == maps_only(7).maps
    assert config.sparse is not None
    assert isinstance(config.sparse.sparsity, WeightSparse)
    assert config.sparse.sparsity.density == sparse.train.sparsity.density
    assert config.sparse.sparsity.anneal == "none"
    assert config.sparse.steps == 7
