"""Which deliveries are in the inbox: asks the feed's source. A feed is a module of `ingestion/sources` whose FEED is
its own name.

Nothing is read here and nothing lands; see `landing.py`.
"""

from __future__ import annotations

import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from ingestion import sources
from ingestion.contracts import Contract
from ingestion.deliveries import File, Found, Rows, Terms
from ingestion.storage import Storage


class Source(Protocol):
    """What a module of `ingestion/sources` offers."""

    FEED: str
    FOLDER: str  # below the inbox, with "/" at its end: what lies in it is the feed's, and nothing else is

    def find(self, inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
        """All deliveries of the feed in the inbox (of the month, where the listing tells it), in a fixed order."""

    def read(self, inbox: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
        """Streams a complete delivery; raises Refused to reject it whole."""


@cache
def feeds() -> tuple[str, ...]:
    """Names of all feeds, ordered."""
    names = [module.name for module in pkgutil.iter_modules(sources.__path__)]
    modules = {name: import_module(f"{sources.__name__}.{name}") for name in names}
    return tuple(sorted(name for name, module in modules.items() if getattr(module, "FEED", None) == name))


def source(feed: str) -> Source:
    """The source module of the feed; raises KeyError for a feed that there is none for."""
    if feed not in feeds():
        raise KeyError(f"no feed {feed!r}: there are {', '.join(feeds())}")
    return cast(Source, import_module(f"{sources.__name__}.{feed}"))


def find(feed: str, inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
    """The feed's deliveries in the inbox, whole or not, in a fixed order. `period` is YYYY-MM or None for all."""
    return source(feed).find(inbox, period, terms)


def unread(inbox: Storage, left_out: str = "") -> list[Found]:
    """What lies where no feed looks, so that nobody waits for it: a rejected find for each folder of the inbox.

    `left_out` is a uri below which nothing is meant for a feed (the lake may lie in the inbox's bucket).
    """
    folders = sorted(source(feed).FOLDER for feed in feeds())
    beside = {*folders, f"{left_out}/".removeprefix(f"{inbox.uri}/")}
    groups: dict[str, list[File]] = defaultdict(list)
    for file in inbox.files_beside(beside):
        if not any(part.startswith(".") for part in file.key.split("/")):
            groups["/".join(file.key.split("/")[:-1][:2])].append(file)
    return [
        Found(
            feed="inbox",
            table="",
            account="",
            period=None,
            version="",
            name=folder or files[0].key,
            files=tuple(files),
            status="rejected",
            reason=f"{files[0].key}: no feed reads this folder ({len(files)} files); there are {', '.join(folders)}",
        )
        for folder, files in sorted(groups.items())
    ]
