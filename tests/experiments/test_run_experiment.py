"""An experiment runs every cell once, keeps the rows, and says what they say."""

import json

import pytest

from netseams.core import FileFormatError, RunFolderError
from netseams.evaluation import summarize_seeds
from netseams.experiments import (
    Cell,
    Column,
    Experiment,
    ExperimentConfig,
    Findings,
    Table,
    run_experiment,
)
from netseams.reporting import write_findings


class SquaresConfig(ExperimentConfig):
    power: int = 2


def squares(out, seed, power, progress):
    with (out / "calls.txt").open("a") as calls:
        calls.write(f"{seed}\n")
    progress(1, 1, "")
    return [{"seed": seed, "value": float((seed + 1) ** power)}]


class Squares(Experiment[SquaresConfig]):
    name = "squares"
    question = "How large are squares?"
    primary_metric = "mean square"

    def cells(self, config):
        return [Cell(f"square seed {s}", squares, (s, config.power)) for s in config.seeds]

    def findings(self, config, rows):
        mean = summarize_seeds({row["seed"]: [row["value"]] for row in rows}, "squares")
        table = Table(
            title="squares",
            columns=(Column(name="which"), Column(name="mean", kind="count")),
            rows=[["all | of them", mean], ["none", None]],
        )
        return Findings(
            experiment=self.name,
            question=self.question,
            primary_metric=self.primary_metric,
            answer=[f"{mean.value:g} on average"],
            tables=[table],
            n_seeds=len(config.seeds),
        )


def test_rows_and_findings_are_kept_and_finished_cells_are_not_run_again(tmp_path):
    config = SquaresConfig(seeds=(0, 1, 2))
    found = run_experiment(Squares(), config, tmp_path)
    assert found.answer == [f"{(1 + 4 + 9) / 3:g} on average"]
    assert found.exploratory
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["value"] for row in rows] == [1.0, 4.0, 9.0]
    (tmp_path / "cells" / "square-seed-1.json").unlink()
    again = run_experiment(Squares(), config, tmp_path, command="netseams experiment squares")
    assert (tmp_path / "calls.txt").read_text().split() == ["0", "1", "2", "1"]
    assert again.tables == found.tables
    stored = Findings.read(tmp_path / "findings.json")
    assert stored == again


def test_summary_holds_the_answer_and_escapes_bars(tmp_path):
    found = run_experiment(Squares(), SquaresConfig(seeds=tuple(range(8))), tmp_path)
    text = write_findings(found, tmp_path).read_text()
    mean = sum((s + 1) ** 2 for s in range(8)) / 8
    assert f"- {mean:g} on average" in text
    assert "| all / of them | 25.5 [" in text
    assert "| none | – |" in text
    assert "95 % intervals" in text


def test_another_config_does_not_mix_with_the_folder(tmp_path):
    run_experiment(Squares(), SquaresConfig(), tmp_path)
    with pytest.raises(RunFolderError, match="other settings"):
        run_experiment(Squares(), SquaresConfig(power=3), tmp_path)


def test_a_damaged_cell_is_named(tmp_path):
    run_experiment(Squares(), SquaresConfig(), tmp_path)
    (tmp_path / "cells" / "square-seed-0.json").write_text("{")
    with pytest.raises(FileFormatError, match=r"square-seed-0\.json is damaged"):
        run_experiment(Squares(), SquaresConfig(), tmp_path)
