"""What a sweep is: points, each a network to train and what to search it for."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from netseams.core import Config, NetseamsError, SettingError
from netseams.corpora import Corpus, CorpusConfig, load_corpus
from netseams.discovery import NodeMaskConfig
from netseams.store import read_bytes
from netseams.tasks import task_names
from netseams.training import RunConfig

_SHOWN = 8
"""Problems of a plan that are told at once."""


class Searches(Config):
    """Circuits that a trained network is searched for, all with one budget."""

    tasks: tuple[str, ...] = Field(min_length=1)
    search: NodeMaskConfig = NodeMaskConfig()
    targets: tuple[float, ...] = Field(default=(0.15,), min_length=1)
    """Losses on the select split, in nats."""
    untrained: bool = True
    """Search the untrained twin for the first task too."""


class Point(Config):
    """One unit of work. Its digest is its name in the store: equal settings, equal work."""

    name: str = Field(min_length=1)
    """For people; it is no part of the digest."""
    run: RunConfig
    searches: Searches | None = None

    def digest(self) -> str:
        return self.model_copy(update={"name": "-"})._plain_digest()

    def _plain_digest(self) -> str:
        return super().digest()


class Plan(Config):
    """`plan.json`: a fixed set of points, in the order in which they are begun."""

    format: Literal["netseams.plan"] = "netseams.plan"
    version: Literal[1] = 1
    name: str = Field(min_length=1)
    points: tuple[Point, ...] = Field(min_length=1)


def read_plan(path: Path) -> Plan:
    """A plan from a file, whole or not at all.

    Raises:
        FileFormatError: no such file.
        SettingError: points that are impossible, clash, or say the same twice; all are named.
    """
    try:
        raw = json.loads(read_bytes(path))
        points = raw["points"]
        head = {key: value for key, value in raw.items() if key != "points"}
    except (ValueError, KeyError, TypeError):
        raise SettingError(f"{path} is no plan: it must be JSON with a list of points") from None
    problems: list[str] = []
    read: list[Point] = []
    for number, one in enumerate(points if isinstance(points, list) else []):
        try:
            read.append(Point.model_validate(one))
        except ValidationError as error:
            name = one.get("name", number) if isinstance(one, Mapping) else number
            problems += [f"{name}: {_first(error)}"]
    if problems:
        raise refused(str(path), problems)
    try:
        return Plan.model_validate({**head, "points": read})
    except ValidationError as error:
        raise SettingError(f"{path} is no plan: {_first(error)}") from None


def check_plan(plan: Plan) -> None:
    """Refuse a plan before anything of it is run.

    Raises:
        SettingError: points clash, say the same twice, or cannot be run; all are named.
        NetseamsError: a corpus cannot be read.
    """
    problems = [
        f"{name}: {n} points have this name"
        for name, n in Counter(point.name for point in plan.points).items()
        if n > 1
    ]
    digests: dict[str, str] = {}
    for point in plan.points:
        first = digests.setdefault(point.digest(), point.name)
        if first != point.name:
            problems.append(f"{point.name}: the same settings as {first}")
    corpora: dict[str, Corpus | str] = {}
    for point in plan.points:
        corpus = _corpus(point.run.corpus, corpora)
        problems += [f"{point.name}: {problem}" for problem in _impossible(point, corpus)]
    if problems:
        raise refused(plan.name, problems)


def refused(plan: str, problems: list[str]) -> SettingError:
    """One line for all that is wrong."""
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return SettingError(
        f"plan {plan} is refused, nothing was run: {'; '.join(problems[:_SHOWN])}{more}"
    )


def _impossible(point: Point, corpus: Corpus | str) -> list[str]:
    if isinstance(corpus, str):
        return [corpus]
    found: list[str] = []
    model = point.run.model
    if model.d_vocab < corpus.d_vocab:
        found.append(
            f"d_vocab {model.d_vocab} is less than the {corpus.d_vocab} tokens of {corpus.name}"
        )
    if model.d_model % model.n_heads and model.head_width is None:
        found.append(f"d_model {model.d_model} cannot be cut into {model.n_heads} heads")
    if point.searches is not None:
        known = task_names(corpus)
        unknown = [task for task in point.searches.tasks if task not in known]
        if unknown:
            found.append(f"{corpus.name} has no task {', '.join(unknown)}")
    return found


def _corpus(config: CorpusConfig, seen: dict[str, Corpus | str]) -> Corpus | str:
    """A corpus, opened once; what is wrong with it where it cannot be."""
    key = config.digest()
    if key not in seen:
        try:
            seen[key] = load_corpus(config)
        except NetseamsError as error:
            seen[key] = str(error)
    return seen[key]


def _first(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
