"""Reads a report page without the code that wrote it."""

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_VOID = {"meta", "link", "br", "img", "hr", "input"}


@dataclass
class Number:
    """A number on the page: where it comes from, its raw value, what is shown."""

    path: str
    value: Any
    shown: str = ""


@dataclass
class Page(HTMLParser):
    """Text, tags and numbers of a page; refuses tags that do not match."""

    numbers: list[Number] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._number: Number | None = None

    @classmethod
    def read(cls, path: Path) -> "Page":
        page = cls()
        page.feed(path.read_text(encoding="utf-8"))
        page.close()
        assert not page._open, f"never closed: {page._open}"
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {name: value or "" for name, value in attrs}
        self.attributes += list(found.items())
        if "id" in found:
            self.ids.append(found["id"])
        if tag not in _VOID:
            self._open.append(tag)
        if "data-path" in found:
            self._number = Number(found["data-path"], json.loads(found["data-value"]))
            self.numbers.append(self._number)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        opened = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"
        self._number = None

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("style", "script"):
            self.text += data
        if self._number is not None:
            self._number.shown += data


def value_at(data: Any, path: str) -> Any:
    """What a file of JSON holds at `routes.3.edges.value`."""
    for part in path.split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


def shows(text: str, value: float) -> bool:
    """Whether `text` is `value`, rounded to the digits that it shows."""
    text = text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-").replace(",", "")
    units = {"h": 3600.0, "min": 60.0, "s": 1.0}
    times = re.findall(r"([\d.]+) (h|min|s)\b", text)
    if times:
        total = sum(float(n) * units[unit] for n, unit in times)
        last = times[-1]
        step = units[last[1]] * (0.1 if "." in last[0] else 1.0)
        return abs(total - value) <= 0.51 * step
    match = re.fullmatch(r"([+-]?\d+(?:\.(\d+))?(?:e-?\d+)?)( %|×)?", text)
    if match is None:
        return False
    if "e" in match[1]:
        return abs(float(match[1]) - value) <= 0.06 * abs(value)
    step = 10.0 ** -len(match[2] or "")
    # The ends of an interval leave their unit to the value before them.
    scales = (100.0,) if match[3] == " %" else (1.0, 100.0)
    return any(abs(float(match[1]) - scale * value) <= 0.51 * step for scale in scales)
