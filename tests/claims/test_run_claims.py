"""Experiments run once, killed runs go on, verdicts are kept, and the chain can be walked."""

import json
import shutil

import pytest

import coin_claims as fake
from netseams.claims import CLAIMS, needs, read_verdicts, run_claims, why
from netseams.core import FileFormatError, SettingError, UnknownNameError


@pytest.fixture(autouse=True)
def coins(monkeypatch):
    fake.install(monkeypatch)


def calls(out) -> list[str]:
    (folder,) = out.glob("coins-*")
    return (folder / "calls.txt").read_text().split()


def test_two_claims_on_one_experiment_run_it_once(tmp_path):
    both = run_claims(["worth", "worthless", "worth"], tmp_path, fake.config_of)
    assert [e.verdict.word for e in both] == ["supported", "refuted"]
    assert calls(tmp_path) == [str(s) for s in range(8)]
    assert read_verdicts(tmp_path).verdicts == tuple(both)


def test_a_second_claim_costs_nothing_and_leaves_the_runs_files_alone(tmp_path):
    run_claims(["worth"], tmp_path, fake.config_of)
    (folder,) = tmp_path.glob("coins-*")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    (second,) = run_claims(["worthless"], tmp_path, fake.config_of)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()} == before
    first, same = read_verdicts(tmp_path).verdicts
    assert (first.claim.id, same) == ("worth", second)
    # The family has two members now: p = 2 / 2^8 each.
    assert first.verdict.conditions[0].p_holm == pytest.approx(4 / 256)


def test_a_killed_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(CLAIMS._items, "worth", fake.coin_claim("worth", preset="frail"))
    with pytest.raises(KeyboardInterrupt):
        run_claims(["worth"], tmp_path, fake.config_of)
    assert not (tmp_path / "verdicts.json").exists()
    (folder,) = tmp_path.glob("coins-*")
    (folder / "revived").touch()
    (found,) = run_claims(["worth"], tmp_path, fake.config_of)
    assert calls(tmp_path) == [str(s) for s in range(8)]
    assert found.verdict.word == "supported"


def test_a_cell_that_was_taken_away_is_run_again(tmp_path):
    (before,) = run_claims(["worth"], tmp_path, fake.config_of)
    (folder,) = tmp_path.glob("coins-*")
    (folder / "cells" / "toss-seed-3.json").unlink()
    rows = (folder / "rows.jsonl").read_text()
    (folder / "rows.jsonl").write_text("".join(rows.splitlines(keepends=True)[:4]))
    (after,) = run_claims(["worth"], tmp_path, fake.config_of)
    assert calls(tmp_path)[8:] == ["3"]
    assert (folder / "rows.jsonl").read_text() == rows
    assert after.id == before.id
    assert len(read_verdicts(tmp_path).verdicts) == 1


def test_a_quick_look_gives_no_verdict_and_replaces_none(tmp_path):
    (quick,) = run_claims(["worth"], tmp_path, fake.config_of, "quick")
    assert quick.verdict.word == "not_tested"
    assert "3 of the 8 training seeds" in quick.verdict.reason
    assert read_verdicts(tmp_path).stands("worth") == quick
    (real,) = run_claims(["worth"], tmp_path, fake.config_of)
    run_claims(["worth"], tmp_path, fake.config_of, "quick")
    stored = read_verdicts(tmp_path)
    assert stored.stands("worth") == real
    assert len(stored.of("worth")) == 2


def test_other_settings_with_seeds_enough_are_not_a_verdict(tmp_path):
    (found,) = run_claims(["worth"], tmp_path, fake.config_of, "other")
    assert found.verdict.word == "not_tested"
    assert "other settings" in found.verdict.reason


def test_a_changed_prediction_adds_a_verdict(tmp_path, monkeypatch):
    (before,) = run_claims(["worth"], tmp_path, fake.config_of)
    changed = fake.coin_claim("worth", smallest_effect=9.0)
    monkeypatch.setitem(CLAIMS._items, "worth", changed)
    assert "the prediction in the claim's file has changed since" in why("worth", tmp_path)
    (after,) = run_claims(["worth"], tmp_path, fake.config_of)
    stored = read_verdicts(tmp_path)
    assert [e.verdict.word for e in stored.of("worth")] == ["supported", "equivalent_to_null"]
    assert stored.stands("worth") == after
    assert before.id in why("worth", tmp_path)


def test_needs_are_refused_before_anything_runs(tmp_path, monkeypatch):
    with pytest.raises(SettingError, match="name one claim or more"):
        needs([], fake.config_of)
    with pytest.raises(UnknownNameError, match="did you mean 'worth'"):
        needs(["wort"], fake.config_of)
    monkeypatch.setitem(CLAIMS._items, "worth", fake.coin_claim("worth", experiment="audit_x"))
    with pytest.raises(SettingError, match="experiment 'audit_x', which this version does not"):
        run_claims(["worthless", "worth"], tmp_path, fake.config_of)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_lack_what_a_claim_reads_are_named(tmp_path, monkeypatch):
    lost = fake.coin_claim("worth")
    broken = type(lost)(lost.claim, lambda rows: {"here": rows[0]["valu"]}, lost.counts)
    monkeypatch.setitem(CLAIMS._items, "worth", broken)
    with pytest.raises(FileFormatError, match=r"rows\.jsonl lacks what claim worth reads.*'valu'"):
        run_claims(["worth"], tmp_path, fake.config_of)


@pytest.mark.parametrize("text", ["{", '{"format": "netseams.verdicts", "version": 2}', "[]"])
def test_damaged_verdicts_are_refused_and_left(tmp_path, text):
    path = tmp_path / "verdicts.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=r"verdicts\.json is not a valid Verdicts"):
        run_claims(["worth"], tmp_path, fake.config_of)
    assert path.read_text() == text


def test_the_file_links_to_its_rows(tmp_path):
    run_claims(["worth"], tmp_path, fake.config_of)
    stored = json.loads((tmp_path / "verdicts.json").read_text())
    assert (stored["format"], stored["version"]) == ("netseams.verdicts", 1)
    (entry,) = stored["verdicts"]
    links = entry["links"]
    assert (tmp_path / links["rows"]).is_file()
    assert (links["n_rows"], links["n_cells"], links["seeds"]) == (8, 8, list(range(8)))
    assert entry["verdict"]["conditions"][0]["values"]["7"] == [pytest.approx(1.07)]
    assert links["provenance"]["torch"]
    assert str(tmp_path) not in json.dumps(stored)


def test_why_walks_down(tmp_path):
    (evidence,) = run_claims(["worth"], tmp_path, fake.config_of)
    (folder,) = tmp_path.glob("coins-*")
    run = folder / "runs" / "dense-0"
    run.mkdir(parents=True)
    (run / "config.json").write_text('{\n "b": 1.5,\n "a": null}')
    said = why("worth", tmp_path).splitlines()
    text = "\n".join(said)
    assert said[0] == f"worth: supported (verdict {evidence.id})"
    assert "  rule: greater than 0, smallest effect of interest 0.5 (coins), 8 seeds" in said
    assert "    seed 7: 1.07" in said
    assert "    its primary metric: mean value of a coin" in said
    assert f"    config {evidence.links.config_digest}: as stored" in said
    assert f"    cells: 8 of 8 in {folder / 'cells'}" in said
    assert f"    trained networks: 1 in {folder / 'runs'}" in said
    # SHA-256 of {"a":null,"b":1.5}, first 12 digits.
    assert "      dense-0: config d01dfafa1d38, not finished" in said
    assert "torch" in said[-2]
    assert said[-1].startswith("  judged by netseams")
    assert why(evidence.id, tmp_path) == why(evidence.id[:6], tmp_path) == text


def test_why_says_what_is_gone(tmp_path):
    run_claims(["worth"], tmp_path, fake.config_of)
    (folder,) = tmp_path.glob("coins-*")
    rows = folder / "rows.jsonl"
    rows.write_text(rows.read_text() + "{}\n")
    assert "CHANGED since the verdict" in why("worth", tmp_path)
    (folder / "config.json").write_text("{}")
    assert "config.json is another" in why("worth", tmp_path)
    shutil.rmtree(folder)
    said = why("worth", tmp_path)
    assert "(missing: moved or deleted)" in said
    assert "rows.jsonl, which is missing" in said
    assert "cells: 0 of 8" in said


def test_why_without_a_verdict_says_how_to_get_one(tmp_path):
    assert "run `netseams claims run worth`" in why("worth", tmp_path)
    with pytest.raises(UnknownNameError, match="unknown claim or verdict 'wurth': did you mean"):
        why("wurth", tmp_path)
