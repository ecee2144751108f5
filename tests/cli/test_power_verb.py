"""`netseams power`: its tables and its file."""

import re
from pathlib import Path

import pytest

from netseams.cli.main import run
from netseams.evaluation.statistics.simulation import PowerTables


def test_tables_and_file_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["power", "--repeats", "100", "--seed", "1", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "coverage: 50 done" in said
    assert "power: 10 done" in said
    found = PowerTables.read(tmp_path / "power.json")
    assert (found.repeats, found.seed) == (100, 1)
    assert found.command == f"netseams power --repeats 100 --seed 1 --out {tmp_path}"
    assert found.provenance is not None
    page = (tmp_path / "power.md").read_text()
    assert page.startswith(f"```sh\n{found.command}\n```")
    assert len(re.findall(r"^## ", page, re.M)) == 6
    rows = re.findall(r"^\| 8 \| (.*) \|$", page, re.M)
    shown = [[cell.split(" / ") for cell in row.split(" | ")] for row in rows]
    power = [p for p in found.power if p.n_seeds == 8]
    assert shown[0] == [[f"{100 * p.exact:.1f}", f"{100 * p.interval:.1f}"] for p in power]
    equal = {(e.margin, e.effect): e for e in found.equivalence if e.n_seeds == 8}
    cells = [equal[0.5, 0], equal[1, 0], equal[0.5, 0.5], equal[1, 1]]
    assert shown[1] == [[f"{100 * e.both:.1f}", f"{100 * e.interval:.1f}"] for e in cells]
    assert "| – / " not in rows[0]


def test_too_few_repeats_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["power", "--repeats", "5", "--out", str(tmp_path / "x")]) == 2
    assert "at least 100 repeats" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
