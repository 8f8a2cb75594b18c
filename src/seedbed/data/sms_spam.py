"""The SMS Spam Collection: 5574 short messages, each ham or spam.

Source: Almeida, Gómez Hidalgo and Yamakami 2011, "Contributions to the Study of SMS Spam Filtering"; data set
228 of the UCI repository.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from seedbed.data import sources
from seedbed.data.encoders import Encoder, check_encoder
from seedbed.data.files.records import Reading
from seedbed.data.labels import LabelRules
from seedbed.data.published.sms_spam import EDITIONS, SUBSET, SmsSpamFiles
from seedbed.data.sources import Source
from seedbed.data.table import Progress, Table
from seedbed.data.text_forms import bare
from seedbed.data.texts import LabelledTexts, read_texts, text_table
from seedbed.errors import DataError
from seedbed.paths import expanded

CLASSES = ("ham", "spam")


class SmsSpam(SmsSpamFiles):
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
        super().__init__(root=root, edition=edition)
        self.path = expanded(path) if path else None
        self.encoder = check_encoder(encoder)
        self.unescape_html = unescape_html
        self.case_sensitive = case_sensitive
        self.rules = LabelRules(positive=positive)

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

    def _published(self) -> tuple[Source, LabelledTexts]:
        source = self.locate()
        return source, _read_edition(source)


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
            f"{' and '.join(CLASSES)}. For texts of another kind, use data=text_csv."
        )
    rows = ", ".join(f"{messages.labels.count(label)} {label}" for label in CLASSES)
    note = (
        f"A COPY OF ITS OWN: the messages are those of {path.name} ({len(messages.texts)} rows: {rows}; SHA-256 {digest}), "
        "not the published edition. These numbers must not be set beside numbers for that."
    )
    return Source(path.stem, path, digest, (note,)), messages
