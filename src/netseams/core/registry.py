"""Name -> thing, with a clear answer for a wrong name."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from netseams.core.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """An ordered table of named things that refuses duplicates."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._items: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: `@tasks.register("quote_close")`."""

        def add(item: T) -> T:
            if name in self._items:
                raise ValueError(f"{self.what} {name!r} is registered twice")
            self._items[name] = item
            return item

        return add

    def __getitem__(self, name: str) -> T:
        if name not in self._items:
            raise UnknownNameError(self.what, name, self._items)
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
