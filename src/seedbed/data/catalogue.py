"""The data sets that are published somewhere: what ``seedbed data`` knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from seedbed.data.published import keel_sets
from seedbed.data.published.cifar10 import Cifar10Files
from seedbed.data.published.keel import KeelFiles
from seedbed.data.published.movielens import EDITIONS, MovieLensFiles
from seedbed.data.published.sms_spam import SmsSpamFiles
from seedbed.data.sources import Description, Source


class Published(Protocol):
    """A data set whose files can be found, fetched and checked."""

    def locate(self, *, fetch: bool = True) -> Source:
        """Find the main file on this machine, else (``fetch``) get it from where it is published."""
        ...

    def describe(self) -> list[Description]:
        """Each edition as it is on this machine."""
        ...


def known(name: str) -> Published:
    """The files of data set ``name``, one of ``DATASETS``, looked for in ``$SEEDBED_DATA`` first."""
    return DATASETS[name](root=os.environ.get("SEEDBED_DATA"))


def known_set(name: str | None = None) -> KeelFiles:
    """Likewise of one of KEEL's data sets, or of all; raises ``ConfigError`` for a name that is none of them."""
    return KeelFiles(name=name, root=os.environ.get("SEEDBED_DATA"))


def source_of(data: Mapping[str, Any]) -> str | None:
    """Name the original data set that the rows of a ``data`` config come from; None for a user's own data.

    Results on two data sets of one source are not independent. Nothing is read, and no name is checked.
    """
    of_target = _SOURCES.get(str(data.get("_target_")))
    return of_target(data) if of_target is not None else None


def _source_of_keel(data: Mapping[str, Any]) -> str | None:
    chosen = keel_sets.SETS.get(str(data.get("name")))
    return None if chosen is None else chosen.source


_SOURCES: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "seedbed.data.cifar10.Cifar10": lambda _: "cifar10",
    "seedbed.data.keel.Keel": _source_of_keel,
    "seedbed.data.movielens.MovieLens": lambda _: "movielens",  # its editions share users and ratings
    "seedbed.data.sms_spam.SmsSpam": lambda _: "sms_spam",
}
COLLECTIONS: dict[str, tuple[str, ...]] = {"keel": tuple(keel_sets.SETS)}
"""The data sets of each collection, which ``data.name`` chooses from."""
DATASETS: dict[str, Callable[..., Published]] = {
    "cifar10": Cifar10Files,
    "keel": KeelFiles,
    "sms_spam": SmsSpamFiles,
    **{name: partial(MovieLensFiles, edition=name) for name in EDITIONS},
}
"""What makes the files of each, from ``root``, the folder in which they are looked for first."""
