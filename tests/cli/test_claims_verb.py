"""`netseams claims` and `netseams why`, as a person meets them."""

import pytest

import coin_claims as fake
from netseams.cli.main import run


@pytest.fixture(autouse=True)
def coins(monkeypatch):
    fake.install(monkeypatch)


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 2
    said = capsys.readouterr().err
    assert said.startswith("netseams: ")
    assert said.count("\n") == 1
    return said


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    return " ".join(capsys.readouterr().out.split())


def test_list_run_show_why(capsys, tmp_path):
    out = ("--out", str(tmp_path))
    listed = said(capsys, "claims", "list", *out)
    assert "isolated_modules" in listed
    assert "audits" in listed  # an experiment is looked up when it is run
    assert "supported" not in listed
    assert said(capsys, "claims", *out) == listed
    assert "verdict: none yet" in said(capsys, "claims", "show", "worth", *out)
    ran = said(capsys, "claims", "run", "worth", "worthless", "--workers", "1", *out)
    # 1 .. 1.07 in steps of .01: 1.035 +- .02; p = 2 / 2^8, two of them in the family.
    assert "worth here 1.03 1.02, 1.05 8 0.008 0.016 supported" in ran
    assert f"page: {tmp_path}/worth.md" in ran
    assert "worth: supported. the interval lies above 0" in ran
    assert "supported" in said(capsys, "claims", "list", *out)
    shown = said(capsys, "claims", "show", "worth", *out)
    assert "7 1.07" in shown
    assert "netseams why " in shown
    assert "cells: 8 of 8" in said(capsys, "why", "worth", *out)
    page = (tmp_path / "worth.md").read_text()
    assert page.startswith("# worth: supported\n")
    assert "netseams claims run worth --preset standard --seeds 8" in page
    assert "would change the verdict**: other coins" in page
    assert "](worth.png)" in page
    assert (tmp_path / "worth.png").read_bytes().startswith(b"\x89PNG")
    assert next(tmp_path.glob("coins-*/summary.md")).is_file()


def test_few_seeds_are_exploratory_and_get_a_page(capsys, tmp_path):
    given = ("--preset", "quick", "--workers", "1", "--out", str(tmp_path))
    assert "not_tested" in said(capsys, "claims", "run", "worth", *given)
    assert (tmp_path / "worth.md").read_text().startswith("# worth: not_tested")
    enough = said(capsys, "claims", "run", "worth", "--seeds", "9", *given)
    assert "worth: supported" in enough  # quick differs from standard in its seeds alone


def test_mistakes_are_one_line(capsys, tmp_path):
    out = ("--out", str(tmp_path))
    assert "did you mean 'worth'" in fails(capsys, "claims", "run", "wort", *out)
    assert "did you mean 'isolated_modules'" in fails(capsys, "claims", "show", "isolated", *out)
    assert "did you mean 'run'" in fails(capsys, "claims", "rum", "worth", *out)
    assert "name one claim or more" in fails(capsys, "claims", "run", *out)
    assert "show takes one id" in fails(capsys, "claims", "show", *out)
    assert "list takes no ids" in fails(capsys, "claims", "list", "worth", *out)
    assert "did you mean 'quick'" in fails(
        capsys, "claims", "run", "worth", "--preset", "quik", *out
    )
    assert "at least 1" in fails(capsys, "claims", "run", "worth", "--seeds", "0", *out)
    assert "at least 1" in fails(capsys, "claims", "run", "worth", "--workers", "0", *out)
    assert "claim or verdict 'x'" in fails(capsys, "why", "x", *out)
    assert list(tmp_path.iterdir()) == []


def test_damaged_verdicts_are_one_line_before_any_work(capsys, tmp_path):
    (tmp_path / "verdicts.json").write_text('{"format": "netseams.verdicts"')
    for arguments in (("claims", "list"), ("claims", "run", "worth"), ("why", "worth")):
        assert "verdicts.json is not a valid" in fails(capsys, *arguments, "--out", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["verdicts.json"]
