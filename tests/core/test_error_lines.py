import inspect

import pytest

from netseams import core
from netseams.core import NetseamsError, Registry, StorageError, UnknownNameError

ERRORS = [
    item
    for item in vars(core).values()
    if inspect.isclass(item) and issubclass(item, NetseamsError)
]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_ends_the_program_with_a_code(error: type[NetseamsError]) -> None:
    assert 0 < error.exit_code < 126


def test_a_full_disk_has_the_code_of_sysexits() -> None:
    assert StorageError.exit_code == 74


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("quote_clos", "did you mean 'quote_close'?"),
        ("bracket-close", "did you mean 'bracket_close'?"),
        ("zzz", None),
    ],
)
def test_unknown_names_are_answered_with_near_ones(given: str, hint: str | None) -> None:
    error = UnknownNameError("task", given, ["quote_close", "bracket_close"])
    text = str(error)
    assert text.startswith(f"unknown task {given!r}: ")
    assert text.endswith("known: bracket_close, quote_close")
    assert ("did you mean" in text) == (hint is not None)
    assert hint is None or hint in text
    assert error.known == ["bracket_close", "quote_close"]
    assert "\n" not in text


def test_a_registry_keeps_what_it_was_given_in_order() -> None:
    things: Registry[int] = Registry("thing")
    assert things.register("one")(1) == 1
    things.register("two")(2)
    assert list(things) == ["one", "two"]
    assert things["two"] == 2
    assert len(things) == 2
    assert "one" in things
    assert "three" not in things


def test_a_registry_refuses_a_second_thing_of_one_name() -> None:
    things: Registry[int] = Registry("thing")
    things.register("one")(1)
    with pytest.raises(ValueError, match="thing 'one' is registered twice"):
        things.register("one")(2)
    assert things["one"] == 1


def test_a_registry_answers_a_wrong_name() -> None:
    things: Registry[int] = Registry("thing")
    things.register("reverse")(1)
    with pytest.raises(UnknownNameError, match="unknown thing 'revers': did you mean 'reverse'"):
        things["revers"]
