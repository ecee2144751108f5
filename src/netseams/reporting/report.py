"""The report page: one self-contained file beside the numbers it shows."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from netseams.comparison.result import Comparison
from netseams.interventions import ABLATIONS
from netseams.reporting import format as fmt
from netseams.reporting.cells import Cells
from netseams.reporting.figures import N_STYLES, draw_figures, headline_png
from netseams.reporting.markdown import markdown
from netseams.reporting.view import arm_names, controls_of, corpus_views
from netseams.reporting.words import CONTROL_NAMES, KIND_WORDS
from netseams.store import write_bytes, write_text


def read_comparison(path: Path) -> Comparison:
    """Read comparison.json, or the one in the folder given.

    Raises:
        FileFormatError: the file is missing, unreadable, or not a comparison of this version.
    """
    return Comparison.read(path / "comparison.json" if path.is_dir() else path)


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write `report.html`, `summary.md` and `figures/` into `folder`; return the page's path.

    The page needs no script and asks nothing of any network; all figures are in it, and beside
    it as files.

    Raises:
        FileFormatError: a row is about a corpus or a task that the comparison does not describe.
        StorageError: no space, or the folder cannot be written.
    """
    views = corpus_views(comparison)
    figures = draw_figures(comparison, views)
    for figure in figures.all():
        head = '<?xml version="1.0" encoding="utf-8"?>\n'
        write_text(folder / "figures" / f"{figure.name}.svg", f"{head}{figure.svg}\n")
    write_bytes(folder / "figures" / "headline.png", headline_png(comparison, views))
    cells = Cells(comparison)
    names = arm_names(comparison)
    template = _environment().get_template("report.html.jinja")
    page = template.render(
        c=comparison,
        corpora=views,
        figures=figures,
        ablations=ABLATIONS,
        title=_title(comparison),
        arm_class=lambda name: f"arm-{names.index(name) % N_STYLES}",
        kinds=list(dict.fromkeys(row.kind for row in comparison.arms)),
        kind_words=KIND_WORDS,
        control_names=CONTROL_NAMES,
        controls_of=controls_of,
        num=cells.num,
        est=cells.est,
        text=cells.text,
    )
    path = folder / "report.html"
    write_text(path, page)
    write_text(folder / "summary.md", markdown(comparison))
    return path


def _title(comparison: Comparison) -> str:
    """The question: of the two routes, or of more arms."""
    arms, kinds = ({getattr(row, field) for row in comparison.arms} for field in ("name", "kind"))
    if len(arms) <= 2:
        return (
            "How do circuits from a weight-sparse network compare with subnetworks pruned out of "
            "an ordinary one?"
        )
    noun = "kinds of network" if len(kinds) == len(arms) else "variants of one network"
    return f"How do the circuits of {len(arms)} {noun} compare, on equal terms?"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("netseams.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(reached=fmt.reached, pretty=_pretty, trusted_svg=_trusted_svg)
    environment.globals["MISSING"] = fmt.MISSING
    return environment


def _pretty(settings: dict[str, Any]) -> str:
    return json.dumps(settings, indent=2, ensure_ascii=False)


def _trusted_svg(svg: str) -> Markup:
    """A figure of ours: every text in it was escaped when it was written."""
    return Markup(svg)
