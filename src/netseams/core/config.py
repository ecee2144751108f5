"""The base of every config: frozen, closed to unknown keys, hashed by content."""

import hashlib
import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from netseams.core.errors import FileFormatError


class Config(BaseModel):
    """A frozen record of settings. Two configs with equal fields have equal digests."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def digest(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the canonical JSON."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @classmethod
    def parse_json(cls, text: str | bytes, source: str) -> Self:
        """Parse JSON text; `source` names it in the error.

        Raises:
            FileFormatError: the text is not JSON or a field is missing, unknown or out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise FileFormatError(
                f"{source} is not a valid {cls.__name__}: {where}: {first['msg']}"
            ) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a config from a JSON file.

        Raises:
            FileFormatError: the file is missing, unreadable or invalid.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise FileFormatError(f"cannot read {path}: {error.strerror}") from None
        return cls.parse_json(text, str(path))
