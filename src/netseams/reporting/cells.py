"""Numbers on the page, each carrying its raw value and its place in comparison.json."""

import json
from typing import Any

from markupsafe import Markup

from netseams.comparison.result import Comparison
from netseams.reporting.format import MISSING, Kind, number
from netseams.reporting.format import interval as interval_text


class Cells:
    """Writes the number found at a path, so that the page cannot differ from the file.

    A path is `routes.3.edges.value`: names and list positions joined by dots.
    """

    def __init__(self, comparison: Comparison) -> None:
        self._data = comparison.model_dump(mode="json")
        self._n_seeds = comparison.n_seeds

    def at(self, path: str) -> Any:
        """The raw value at `path`; a step into nothing gives None."""
        value: Any = self._data
        for part in path.split("."):
            if value is None:
                return None
            value = value[int(part)] if isinstance(value, list) else value.get(part)
        return value

    def num(self, path: str, kind: Kind) -> Markup:
        """One number."""
        return self._span(path, number(self.at(path), kind))

    def text(self, path: str, shown: str) -> Markup:
        """`shown` in place of a value that is not a number to be formatted."""
        return self._span(path, shown)

    def est(self, path: str, kind: Kind, interval: bool = True) -> Markup:
        """An `Estimate`: its value, its interval where there is one, its n where seeds lack."""
        estimate = self.at(path)
        if estimate is None:
            return Markup('<span class="none">{}</span>').format(MISSING)
        parts = [self.num(f"{path}.value", kind)]
        if interval and estimate["low"] is not None and estimate["high"] is not None:
            low, high = interval_text(estimate["low"], estimate["high"], kind)
            parts.append(
                Markup('<span class="ci">[{}, {}]</span>').format(
                    self.text(f"{path}.low", low), self.text(f"{path}.high", high)
                )
            )
        if estimate["n_seeds"] != self._n_seeds:
            n = self.num(f"{path}.n_seeds", "count")
            parts.append(Markup('<span class="ci">n = {}</span>').format(n))
        return Markup(" ").join(parts)

    def _span(self, path: str, shown: str) -> Markup:
        raw = json.dumps(self.at(path), ensure_ascii=False)
        return Markup('<span class="num" data-path="{}" data-value="{}">{}</span>').format(
            path, raw, shown
        )
