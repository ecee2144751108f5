"""The summary on the terminal, and how numbers are written."""

import io

import pytest
from rich.console import Console

from netseams.comparison.result import Comparison
from netseams.reporting import print_summary
from netseams.reporting.format import Kind, interval, number, short_count


def printed(result: Comparison) -> list[str]:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    print_summary(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_fits_a_terminal_and_cuts_nothing(small: Comparison, large: Comparison) -> None:
    for result in (small, large):
        lines = printed(result)
        assert max(len(line) for line in lines) <= 100
        assert "…" not in "\n".join(lines)
        for row in result.routes:
            if row.edges is not None:
                assert number(row.edges.value, "count") in "\n".join(lines)


def test_says_what_failed(small: Comparison) -> None:
    text = " ".join(" ".join(printed(small)).split())
    assert text.startswith("exploratory: 3 training seeds, no intervals")
    for words in ("not random", "network did not learn", "loss not reached"):
        assert all(word in text for word in words.split())


def test_intervals_where_there_are_enough_seeds(large: Comparison) -> None:
    text = "\n".join(printed(large))
    assert "95 % bootstrap intervals over training seeds" in text
    edges = large.ratios[1].edges
    assert edges is not None
    assert edges.low is not None
    assert edges.high is not None
    low, high = interval(edges.low, edges.high, "ratio")
    assert f"[{low}, {high}]" in text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (39586, "count", "39,586"),
        (412.4, "count", "412"),
        (12.25, "count", "12.2"),
        (0.1234, "share", "12.3 %"),
        (0.000123, "share", "0.012 %"),
        (0.0, "share", "0 %"),
        (0.972, "accuracy", "97.2 %"),
        (0.05, "loss", "0.050"),
        (0.0001, "loss", "1.0e-04"),
        (-0.04, "signed", "−0.040"),
        (0.041, "signed", "+0.041"),
        (-0.001, "relative", "0.00"),
        (59.83, "ratio", "59.8×"),
        (184.2, "ratio", "184×"),
        (1.926, "ratio", "1.93×"),
        (12.34, "seconds", "12.3 s"),
        (185.2, "seconds", "3 min 5 s"),
        (3900, "seconds", "1 h 5 min"),
        (None, "count", "–"),
        (float("nan"), "count", "–"),
    ],
)
def test_numbers(value: float | None, kind: Kind, text: str) -> None:
    assert number(value, kind).replace("\N{NO-BREAK SPACE}", " ") == text


def test_ticks() -> None:
    assert [short_count(v) for v in (1, 20, 3000, 2e6)] == ["1", "20", "3k", "2M"]
