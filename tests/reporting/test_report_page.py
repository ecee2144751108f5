"""The page says what the file says, hides no failure, and asks nothing of anybody."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from synthetic_comparison import comparison

from netseams.comparison.result import Comparison
from netseams.core import FileFormatError
from netseams.reporting import read_comparison, write_report
from page_reader import Page, shows, value_at


@pytest.fixture(params=["small_page", "large_page", "four_page", "many_page"])
def path(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_every_number_is_that_of_the_file(path: Path) -> None:
    data = json.loads((path.parent / "comparison.json").read_text(encoding="utf-8"))
    numbers = Page.read(path).numbers
    assert len(numbers) > 300
    for number in numbers:
        assert number.value == value_at(data, number.path), number
        if isinstance(number.value, (int, float)) and not isinstance(number.value, bool):
            assert shows(number.shown, number.value), number


def test_every_route_is_a_row_with_its_sizes(path: Path) -> None:
    result = read_comparison(path.parent)
    page = Page.read(path)
    rows = [value for name, value in page.attributes if name == "data-route"]
    assert rows == [f"routes.{i}" for i in range(len(result.routes))]
    cited = {number.path for number in page.numbers}
    for i, route in enumerate(result.routes):
        assert f"routes.{i}.network_accuracy.value" in cited
        if route.n_reached:
            for part in ("nodes", "edges", "node_share", "edge_share", "agreement"):
                assert f"routes.{i}.{part}.value" in cited
            for part in ("sufficiency_accuracy", "necessity", "necessity_random"):
                for kind in ("mean", "zero", "resample"):
                    assert f"routes.{i}.{part}.{kind}.value" in cited
            for j in range(len(route.beats)):
                assert f"routes.{i}.beats.{j}.beats" in cited


def test_every_ratio_and_network_is_there(path: Path) -> None:
    result = read_comparison(path.parent)
    cited = {number.path for number in Page.read(path).numbers}
    for i, ratio in enumerate(result.ratios):
        assert f"ratios.{i}.target" in cited
        for part in ("nodes", "edges", "density", "selection"):
            assert (f"ratios.{i}.{part}.value" in cited) == (ratio.edges is not None)
    for i in range(len(result.networks)):
        assert f"networks.{i}.test_loss" in cited


def test_failures_are_named(small: Comparison, small_page: Path) -> None:
    text = Page.read(small_page).text
    assert "not reached" in text
    assert "did not learn" in text
    assert "✗ random" in text
    assert "✗ not beaten" in text
    assert "31 examples, 200 are needed" in text
    for sentence in [*small.answer, *small.limits, small.command, small.primary_metric]:
        assert sentence in text
    html = small_page.read_text(encoding="utf-8")
    assert html.count('class="doubt"') == 1


def test_seeds_reached_in_part_are_counted(small: Comparison, tmp_path: Path) -> None:
    first = small.routes[0].model_copy(update={"n_reached": 2, "n_learned": 2})
    result = small.model_copy(update={"routes": [first, *small.routes[1:]]})
    text = Page.read(write_report(result, tmp_path)).text
    assert "reached in 2 of 3 seeds" in text
    assert "learned in 2 of 3 seeds" in text


def test_badge_only_where_exploratory(small_page: Path, large_page: Path) -> None:
    small, large = Page.read(small_page).text, Page.read(large_page).text
    assert "exploratory: 3 seeds, no intervals" in small
    assert "exploratory" not in large
    assert "intervals over training seeds" in large
    ends = [n.path for n in Page.read(small_page).numbers if n.path.endswith((".low", ".high"))]
    assert ends == []


def test_the_page_asks_nothing_of_any_network(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    bare = re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[^"]*"', "", html)
    for reference in ("http://", "https://", "src=", "@import", "<script", "<iframe"):
        assert reference not in bare, reference
    assert not re.search(r"url\((?!#)", bare)
    links = re.findall(r'\bhref="([^"]*)"', re.sub(r'xlink:href="#[^"]*"', "", bare))
    beside = ("comparison.json", "measurements.jsonl", "circuits/", "figures/", "data:,", "#")
    assert links
    assert all(link.startswith(beside) for link in links)


def test_ids_are_unique_and_anchors_exist(path: Path) -> None:
    ids = Page.read(path).ids
    assert len(ids) == len(set(ids))
    html = path.read_text(encoding="utf-8")
    targets = re.findall(r'href="#([^"]+)"', html) + re.findall(r"url\(#([^)]+)\)", html)
    assert set(targets) <= set(ids)


def test_figures_are_valid_files_with_a_title(path: Path) -> None:
    figures = sorted((path.parent / "figures").glob("*.svg"))
    many = len({row.name for row in read_comparison(path.parent).arms}) > 4
    expected = {"frontier"} if many else {"headline", "curves-nodes", "curves-edges"}
    assert expected <= {f.stem for f in figures}
    for figure in figures:
        root = ElementTree.parse(figure).getroot()
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
        assert f'href="figures/{figure.name}"' in path.read_text(encoding="utf-8")
    assert (path.parent / "figures" / "headline.png").read_bytes()[:4] == b"\x89PNG"


def test_truncated_circuits_say_so(small: Comparison, small_page: Path) -> None:
    dense = small.drawings[0]
    assert len(dense.shown_edges) < dense.edges
    text = Page.read(small_page).text
    assert f"{len(dense.shown_edges)} of {dense.edges:,} edges" in text
    assert f"{len(dense.shown_nodes)} of {dense.nodes} nodes shown" in text


def test_equal_input_gives_equal_files(small: Comparison, small_page: Path, tmp_path: Path) -> None:
    again = write_report(small, tmp_path)
    assert again.read_bytes() == small_page.read_bytes()
    for figure in (small_page.parent / "figures").iterdir():
        assert (tmp_path / "figures" / figure.name).read_bytes() == figure.read_bytes()


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    script, image = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
    text = comparison().model_dump_json()
    text = text.replace('"reverse"', json.dumps(script)).replace('"stdlib"', json.dumps(image))
    text = text.replace('"what does quote_close ask?"', json.dumps("${\\frac{$ {{ 7*7 }} 文字"))
    result = Comparison.parse_json(text, "hostile")
    page = Page.read(write_report(result, tmp_path))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert script in page.text
    assert "{{ 7*7 }}" in page.text
    for figure in (tmp_path / "figures").glob("*.svg"):
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(figure).iter()}
        assert not tags & {"script", "img"}


def test_a_result_without_anything_is_still_a_page(small: Comparison, tmp_path: Path) -> None:
    names = ("arms", "routes", "ratios", "networks", "matrices", "circuits", "searches", "drawings")
    empty = small.model_copy(update={name: [] for name in names})
    text = Page.read(write_report(empty, tmp_path)).text
    assert "no pair of circuits can be drawn" in text


def test_a_row_about_an_unknown_task_is_refused(small: Comparison, tmp_path: Path) -> None:
    stray = small.routes[0].model_copy(update={"task": "elsewhere"})
    result = small.model_copy(update={"routes": [stray]})
    with pytest.raises(FileFormatError, match=r"routes\.0 is about task 'elsewhere'"):
        write_report(result, tmp_path)


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="cannot read"):
        read_comparison(tmp_path)
    (tmp_path / "comparison.json").write_text('{"preset": "quick"')
    with pytest.raises(FileFormatError, match="not a valid Comparison") as caught:
        read_comparison(tmp_path / "comparison.json")
    assert "\n" not in str(caught.value)


def test_importing_draws_nothing() -> None:
    check = "import sys, netseams.reporting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], timeout=120).returncode == 0
