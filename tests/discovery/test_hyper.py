import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from netseams.core import RunFolderError, SettingError
from netseams.discovery import HyperSearch, NodeMaskConfig, NodeMasks
from netseams.interventions import mean_activations
from netseams.planted.first_token import first_token_corpus, first_token_model, first_token_task

CENTRE = NodeMaskConfig(
    steps=25, batch_size=16, lr=0.05, price_start=1e-3, price_end=0.1, snapshots=3, bisections=2
)
TARGETS = (0.1, 0.4)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[NodeMaskConfig]]:
    """The settings of every mask search that was really run."""
    run: list[NodeMaskConfig] = []
    fit = NodeMasks.fit

    def counted(self: NodeMasks, *arguments: object) -> NodeMasks:
        run.append(self.config)
        return fit(self, *arguments)

    monkeypatch.setattr(NodeMasks, "fit", counted)
    return run


def tuned(trials: int, record: Path | None = None, task=None) -> HyperSearch:
    model = first_token_model()
    means = mean_activations(model, first_token_corpus())
    task = task or first_token_task()
    return HyperSearch(CENTRE, trials).fit(model, task, means, TARGETS, record)


def test_every_trial_is_a_row_and_the_best_is_the_smallest(tmp_path, searches) -> None:
    record = tmp_path / "new" / "trials.jsonl"
    found = tuned(4, record)
    rows = [json.loads(line)["trial"] for line in record.read_text().splitlines()]
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert [NodeMaskConfig(**row["config"]) for row in rows] == searches
    assert rows[0]["config"] == CENTRE.model_dump(mode="json")
    assert all(row["steps"] == 25 and row["training_sequences"] == 400 for row in rows)
    for target in TARGETS:
        sizes = [row["sizes"][f"{target:g}"] for row in rows]
        reached = [size for size in sizes if size is not None]
        best = found.best_[target]
        assert reached, "no trial reached the target: the test shows nothing"
        assert best.number == sizes.index(min(reached))
        assert found.circuits_[target].n_nodes == min(reached)
        assert best.losses[f"{target:g}"] <= target


def test_a_search_goes_on_where_it_stopped(tmp_path, searches) -> None:
    record = tmp_path / "trials.jsonl"
    whole = tuned(4)
    searches.clear()
    tuned(2, record)
    with record.open("a") as handle:
        handle.write('{"model": "cut by a k')
    resumed = tuned(4, record)
    names = ("number", "config", "sizes", "edges", "losses", "best_loss")
    assert [[getattr(t, n) for n in names] for t in resumed.trials_] == [
        [getattr(t, n) for n in names] for t in whole.trials_
    ]
    # Two, then two more; and once more the winners whose circuits were not kept.
    winners = {best.number for best in resumed.best_.values() if best is not None}
    assert len(searches) == 4 + len([number for number in winners if number < 2])
    for target, circuit in resumed.circuits_.items():
        assert circuit.n_nodes == whole.circuits_[target].n_nodes


def test_a_record_of_another_search_is_refused(tmp_path) -> None:
    record = tmp_path / "trials.jsonl"
    tuned(1, record)
    before = record.read_bytes()
    model, task = first_token_model(), first_token_task()
    other = HyperSearch(CENTRE.model_copy(update={"seed": 1}), 2)
    with pytest.raises(RunFolderError, match="another search"):
        other.fit(model, task, mean_activations(model, first_token_corpus()), TARGETS, record)
    assert record.read_bytes() == before


def test_the_report_split_is_never_touched(searches) -> None:
    task = first_token_task()
    del task.splits["report"]
    found = tuned(2, task=task)
    assert len(found.trials_) == 2


def test_settings_lie_around_the_centre_and_do_not_depend_on_the_number() -> None:
    short, long = HyperSearch(CENTRE, 5).configs(), HyperSearch(CENTRE, 60).configs()
    assert long[:5] == short
    assert len({config.digest() for config in long}) == 60
    for config in long:
        assert CENTRE.lr / 3.001 <= config.lr <= CENTRE.lr * 3.001
        assert 0.0 <= config.warmup <= 0.2
        assert 0.02 <= round(1 - config.beta2, 6) <= 0.15 or config == CENTRE
        assert (config.steps, config.batch_size) == (CENTRE.steps, CENTRE.batch_size)
    rates = sorted(config.lr / CENTRE.lr for config in long[1:])
    assert rates[0] < 0.4
    assert rates[-1] > 2.5
    assert HyperSearch(CENTRE, 3, "random").configs()[1] != short[1]


def test_no_trials_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 1 trial"):
        HyperSearch(CENTRE, 0)
