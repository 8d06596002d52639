"""The one plug-in mechanism: names and what they stand for.

    notifiers: Registry[type[Notifier]] = Registry("notifier", group="trackside.notifiers")

    @notifiers.register("slack")
    class Slack: ...

Built-in plug-ins register themselves where they are defined; other distributions announce theirs
as entry points of the registry's group, which are loaded when first needed.
"""

import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from hub.errors import ConfigError, UnknownKind

T = TypeVar("T")


class Registry(Generic[T]):
    """What is known under which name. `what` is the word in messages ("notifier")."""

    def __init__(self, what: str, *, group: str | None = None) -> None:
        self.what = what
        self.group = group
        self._known: dict[str, T] = {}
        self._loaded = group is None
        self._lock = threading.RLock()

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator; a name that is taken is an error, for the second would hide the first."""

        def remember(item: T) -> T:
            self.add(name, item)
            return item

        return remember

    def add(self, name: str, item: T) -> None:
        with self._lock:
            if self._known.setdefault(name, item) is not item:
                raise ConfigError(f"the {self.what} {name!r} is registered twice")

    def get(self, name: str) -> T:
        """What stands under the name, else UnknownKind, which tells the known names."""
        if name not in self._known:
            self._load()
        try:
            return self._known[name]
        except KeyError:
            raise UnknownKind(self.what, name, self._known) from None

    def names(self) -> list[str]:
        self._load()
        return sorted(self._known)

    def items(self) -> list[tuple[str, T]]:
        return [(name, self._known[name]) for name in self.names()]

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def _load(self) -> None:
        with self._lock:
            if self._loaded or self.group is None:
                return
            for entry in entry_points(group=self.group):
                self._load_one(entry)
            self._loaded = True

    def _load_one(self, entry: EntryPoint) -> None:
        """An entry point may name the plug-in itself or a module that registers it when imported."""
        try:
            item = entry.load()
        except Exception as error:
            raise ConfigError(f"the {self.what} {entry.name!r} can't be loaded: {error}") from error
        if entry.attr:
            self.add(entry.name, item)
