import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from netseams.core import Config, FileFormatError, NetseamsError


class Inner(Config):
    width: int = 4


class Sample(Config):
    name: str = "a"
    depth: int = Field(default=3, ge=1)
    rates: tuple[float, ...] = (0.1, 0.5)


class Nested(Config):
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _even(self) -> "Nested":
        if self.inner.width % 2:
            raise ValueError("width must be even")
        return self


def test_fields_cannot_be_set() -> None:
    config = Sample()
    with pytest.raises(ValidationError, match="frozen"):
        config.depth = 5  # type: ignore[misc]
    assert config.depth == 3


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="dept"):
        Sample(dept=5)  # type: ignore[call-arg]


def test_defaults_are_validated() -> None:
    class Wrong(Config):
        depth: int = Field(default=0, ge=1)

    with pytest.raises(ValidationError, match="depth"):
        Wrong()


def test_digest_is_the_hash_of_the_canonical_json() -> None:
    # printf '{"depth":3,"name":"a","rates":[0.1,0.5]}' | sha256sum
    assert Sample().digest() == "349b56643dff"


def test_digest_ignores_the_order_in_which_fields_are_given() -> None:
    assert Sample(name="b", depth=7).digest() == Sample(depth=7, name="b").digest()


@pytest.mark.parametrize(
    "change", [{"name": "b"}, {"depth": 4}, {"rates": (0.1, 0.50001)}, {"rates": (0.5, 0.1)}]
)
def test_digest_depends_on_every_field(change: dict) -> None:
    assert Sample(**change).digest() != Sample().digest()


def test_digest_sees_nested_fields() -> None:
    assert Nested(inner=Inner(width=6)).digest() != Nested().digest()


@given(st.text(), st.integers(1, 10**6), st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_json_round_trip(name: str, depth: int, rates: list[float]) -> None:
    config = Sample(name=name, depth=depth, rates=tuple(rates))
    again = Sample.parse_json(config.model_dump_json(), "memory")
    assert again == config
    assert again.digest() == config.digest()


BAD = {
    "truncated": ('{"name": "a", "dep', "the file"),
    "empty": ("", "the file"),
    "not JSON": ("\x00\x01", "the file"),
    "unknown field": ('{"wdith": 3}', "wdith"),
    "wrong type": ('{"depth": "three"}', "depth"),
    "out of range": ('{"depth": 0}', "depth"),
    "element of a list": ('{"rates": [0.5, "x"]}', "rates.1"),
    "a list": ("[]", "the file"),
}


@pytest.mark.parametrize(("text", "field"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_line_naming_file_and_field(
    tmp_path: Path, text: str, field: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(FileFormatError) as caught:
        Sample.read(path)
    message = str(caught.value)
    assert str(path) in message
    assert f": {field}: " in message
    assert "Sample" in message
    assert "\n" not in message


def test_the_message_of_a_validator_reaches_the_user(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"inner": {"width": 3}}')
    with pytest.raises(FileFormatError, match="width must be even"):
        Nested.read(path)
    path.write_text('{"inner": {"width": 2, "depth": 1}}')
    with pytest.raises(FileFormatError, match=r"inner\.depth"):
        Nested.read(path)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_cannot_be_read_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.json"
    if kind == "folder":
        path.mkdir()
    with pytest.raises(FileFormatError) as caught:
        Sample.read(path)
    assert isinstance(caught.value, NetseamsError)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_returns_the_class_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"inner": {"width": 8}}))
    assert Nested.read(path) == Nested(inner=Inner(width=8))
