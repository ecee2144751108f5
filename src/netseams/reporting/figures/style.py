"""What every figure shares: colours, fonts, and how it becomes a file.

Matplotlib is imported only when something is drawn, and through its object-oriented interface:
no pyplot, no window, and settings that hold for one figure alone.
"""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from netseams.comparison.result import Network
from netseams.reporting.format import short_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ArmStyle:
    """How an arm looks in every figure."""

    colour: str
    control: str
    """Of its controls: a grey that leans towards the colour."""
    marker: str


# Okabe and Ito's palette, its light colours darkened so that they can be read as text: told apart
# under the common colour deficiencies, and in shape too. style.css has the same order.
PALETTE = (
    ArmStyle("#0072B2", "#7d8a94", "o"),
    ArmStyle("#D55E00", "#a08a7c", "s"),
    ArmStyle("#00795a", "#7f948c", "v"),
    ArmStyle("#a3478a", "#97859a", "P"),
    ArmStyle("#8a6d00", "#97917b", "h"),
    ArmStyle("#3f4a54", "#8d9196", "d"),
)
CONTROL_MARKERS: dict[Network, str] = {"untrained": "^", "redrawn": "D"}
CONTROL_LINES: dict[Network, str] = {"untrained": ":", "redrawn": "--"}
GREY = "#6b7280"
INK = "#1f2933"
RULE = "#d5dae0"

_FONTS = "'DejaVu Sans',Verdana,'Segoe UI',Helvetica,Arial,sans-serif"


def arm_styles(names: Iterable[str]) -> dict[str, ArmStyle]:
    """By the place of an arm in the comparison; after the last style the first comes again."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


@dataclass(frozen=True)
class ReportFigure:
    """A drawn figure, ready to be put into the page and beside it."""

    name: str
    title: str
    alt: str
    svg: str
    width: int
    """In CSS pixels."""


@contextmanager
def figure_settings(name: str) -> Iterator[None]:
    """Settings for one figure; ids in the file then depend on its name and content alone."""
    import matplotlib as mpl

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",  # text stays text: searchable, readable aloud, small
        "svg.hashsalt": name,
        "text.parse_math": False,  # a `$` in a task's name is a dollar
        "font.family": "DejaVu Sans",
        "font.size": 9.0,
        "axes.edgecolor": RULE,
        "axes.labelcolor": INK,
        "axes.titlesize": 9.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.color": INK,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "legend.frameon": False,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # The page's reader has other fonts; a glyph missing from ours is not worth a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches of 96 CSS pixels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white")


def render(name: str, title: str, alt: str, draw: Callable[[], "Figure"]) -> ReportFigure:
    """Draw, and write as SVG with a title and a description for those who cannot see it."""
    with figure_settings(name):
        figure = draw()
        buffer = io.StringIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=nothing)
    width = round(96 * figure.get_figwidth())
    return ReportFigure(name, title, alt, _clean(buffer.getvalue(), name, title, alt), width)


def render_png(name: str, draw: Callable[[], "Figure"], dpi: int = 150) -> bytes:
    """Draw, and write as PNG."""
    with figure_settings(name):
        buffer = io.BytesIO()
        draw().savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def _clean(svg: str, name: str, title: str, alt: str) -> str:
    """Make one file's SVG fit to stand beside others in a page, where ids and styles are shared."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _clean_tag(tag[0], name), svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    view_box = re.search(r'viewBox="[^"]*"', svg)
    assert view_box is not None  # written by matplotlib
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{view_box[0]} role="img" aria-labelledby="{name}-title {name}-desc" '
        f'style="font-family:{_FONTS};stroke-linejoin:round;stroke-linecap:butt">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-desc">{escape(alt)}</desc>'
    )
    return head + svg[svg.index(">") + 1 :].rstrip()


def _clean_tag(tag: str, name: str) -> str:
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)
    tag = re.sub(r'( id="|url\(#|xlink:href="#)', rf"\g<1>{name}-", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    return re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)


def log_axis(
    axes: "Axes", which: Literal["x", "y"], values: list[float], padding: float = 1.6,
    unit: str = "",
) -> None:  # fmt: skip
    """A logarithmic axis around positive values; a decade where there are none."""
    positive = [value for value in values if value > 0]
    limits = (min(positive) / padding, max(positive) * padding) if positive else (1.0, 10.0)
    axes.set(**{f"{which}scale": "log", f"{which}lim": limits})
    _plain_ticks(axes.xaxis if which == "x" else axes.yaxis, limits, unit)


def _plain_ticks(axis: "Axis", limits: tuple[float, float], unit: str) -> None:
    """Tick labels such as 100 and 10k at the decades; where they are few, also at 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, decades = math.log10(limits[0]), math.log10(limits[1] / limits[0])

    def label(value: float, _: int | None = None) -> str:
        # None at the very ends, where it would run into the next panel's.
        inside = 0.03 < (math.log10(value) - low) / decades < 0.97
        return short_count(value) + unit if inside else ""

    axis.set_major_locator(LogLocator(subs=(1,) if decades > 1.6 else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(label))
    axis.set_minor_formatter(NullFormatter())


def quiet_axes(axes: "Axes") -> None:
    """No frame and no ticks: a surface to draw on."""
    axes.set_frame_on(False)
    axes.set_xticks([])
    axes.set_yticks([])
