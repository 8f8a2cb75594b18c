"""The data sets that are published somewhere: what ``seedbed data`` knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

from seedbed.data.published.cifar10 import Cifar10Files
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


DATASETS: dict[str, Callable[..., Published]] = {
    "cifar10": Cifar10Files,
    "sms_spam": SmsSpamFiles,
    **{name: partial(MovieLensFiles, edition=name) for name in EDITIONS},
}
"""What makes the files of each, from ``root``, the folder in which they are looked for first."""
