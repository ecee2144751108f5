"""tyro with one line for an error: what came, and where help is."""

import contextlib
import functools
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import tyro

from netseams.core import SettingError

T = TypeVar("T")
_FRAME = re.compile(r"[│╭╮╰╯─]+|-{3,}")


def call(function: Callable[..., T], arguments: Sequence[str], verb: str) -> T:
    """Parse `arguments` for `function` and call it.

    Raises:
        SettingError: an option is unknown, missing or has a wrong value.
        SystemExit: on `--help`.
    """
    config: Any = (tyro.conf.FlagConversionOff, tyro.conf.OmitArgPrefixes)
    given: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    @functools.wraps(function)
    def store(*args: Any, **options: Any) -> None:
        given.append((args, options))

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            tyro.cli(store, prog=f"netseams {verb}", args=list(arguments), config=config)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise SettingError(f"{_message(said.getvalue())}; see netseams {verb} --help") from None
    args, options = given[0]
    return function(*args, **options)


def _message(text: str) -> str:
    """The first paragraph inside tyro's frame, on one line."""
    words: list[str] = []
    for line in text.splitlines()[1:]:
        bare = _FRAME.sub(" ", line).strip()
        if not bare and words:
            break
        words.append(bare)
    return " ".join(" ".join(words).split())
