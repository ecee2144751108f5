"""The published result can still be read and drawn; files of the first format are refused."""

import gzip
import json
from pathlib import Path

import pytest

from netseams.core import FileFormatError
from netseams.reporting import read_comparison, write_report
from page_reader import Page, value_at

STORED = Path(__file__).parents[2] / "docs" / "results" / "compare" / "comparison.json.gz"


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads(gzip.decompress(STORED.read_bytes()))


def test_the_published_result_is_a_page(stored: dict, tmp_path: Path):
    (tmp_path / "comparison.json").write_text(json.dumps(stored), encoding="utf-8")
    result = read_comparison(tmp_path)
    assert [(row.corpus, row.name) for row in result.arms] == [
        (corpus, arm) for corpus in ("stdlib", "string_ops") for arm in ("dense", "weight_sparse")
    ]
    page = Page.read(write_report(result, tmp_path))
    for number in page.numbers:
        assert number.value == value_at(stored, number.path), number
    assert "weight_sparse differs from dense in one field: train.sparsity" in page.text


def test_rows_of_arms_agree_with_the_older_rows(stored: dict):
    """They were computed later, from the raw rows: held here against what was published."""
    ratio = next(r for r in stored["ratios"] if (r["corpus"], r["target"]) == ("string_ops", 0.15))
    edges = {
        row["name"]: row["edges"]["value"]
        for row in stored["arms"]
        if row["corpus"] == "string_ops"
    }
    assert edges["dense"] / edges["weight_sparse"] == pytest.approx(ratio["edges"]["value"])


def test_the_first_format_is_refused_in_one_line(stored: dict, tmp_path: Path):
    old = {key: value for key, value in stored.items() if key != "arms"} | {"version": 1}
    (tmp_path / "comparison.json").write_text(json.dumps(old), encoding="utf-8")
    with pytest.raises(FileFormatError, match="this is version 1 of the format") as caught:
        read_comparison(tmp_path)
    assert "\n" not in str(caught.value)
    assert "run `netseams compare` again" in str(caught.value)
