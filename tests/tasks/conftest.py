import pytest

from netseams.corpora import TinyPython, TinyPythonConfig

TINY_N_CTX = 48


@pytest.fixture(scope="session")
def tiny(cache) -> TinyPython:
    """Enough held-out programs for every task; few to train on."""
    return TinyPython(TinyPythonConfig(n_train=1000, n_held_out=5000, seed=1))
