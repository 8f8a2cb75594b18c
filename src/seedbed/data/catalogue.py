"""The data sets that are published somewhere: what ``seedbed data`` knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from seedbed.data.cifar10 import known_cifar10
from seedbed.data.movielens import EDITIONS, known_movielens
from seedbed.data.sms_spam import known_sms_spam
from seedbed.data.sources import Description, Source


class Published(Protocol):
    """A data set whose files can be found, fetched and checked."""

    def locate(self, *, fetch: bool = True) -> Source:
        """Find the main file on this machine, else (``fetch``) get it from where it is published."""
        ...

    def describe(self) -> list[Description]:
        """Each edition as it is on this machine."""
        ...


DATASETS: dict[str, Callable[[], Published]] = {
    "cifar10": known_cifar10,
    "sms_spam": known_sms_spam,
    **{name: partial(known_movielens, name) for name in EDITIONS},
}
