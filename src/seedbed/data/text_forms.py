"""Forms in which texts, labels, names and columns are compared: what looks the same to a reader is the same."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

LOOK_ALIKES = {"look-alikes": "joined"}
"""What a table is made with that earlier releases, which compared all characters of a file, would have read otherwise."""


# Default_Ignorable_Code_Point of Unicode (zero-width characters, marks of direction, soft hyphens, variation selectors,
# byte order marks), interlinear annotation and control characters, but for joiners and tags: see _JOINED.
_IGNORABLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e"
    "\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e0fff]"
)
_PICTURE = "\u2190-\u2bff\U0001f000-\U0001faff"  # emoji, their skin colours and other symbols
# Between pictures a joiner makes another picture, and tags after a black flag say whose flag it is: these are seen.
_JOINED = re.compile(
    f"(\U0001f3f4[\U000e0020-\U000e007f]+)|(?<=[{_PICTURE}])(\u200d)\u200d*(?=[{_PICTURE}])|[\u200d\U000e0020-\U000e007f]"
)
_BLANKS = re.compile(r"[\s\u2800]+")
_OPENING, _CLOSING = "\"'`([{«»“”„‘’‚…", "\"'`)]}«»“”„‘’‚….,;:!?"
# Cyrillic letters, and a Greek one, that look like Latin ones.
_LATIN = str.maketrans("асеһіјорѕхуԁԛԝο", "acehijopsxydqwo")
_PARTED = re.compile(r"(?<=[^\W\d_])(?:[ _]|[-‐‑])(?=[^\W\d_])")


def seen(text: str) -> str:
    """What a reader sees of a text: composed (NFC), without characters that are not shown, single blanks, none at the ends."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    shown = _JOINED.sub(lambda match: match[1] or match[2] or "", _IGNORABLE.sub("", text))
    return unicodedata.normalize("NFC", _BLANKS.sub(" ", shown).strip())


def folded(text: str) -> str:
    """Form for comparisons: ``seen``, ignoring letter case and variants of a character such as full-width ones (NFKC)."""
    shown = seen(text)
    if shown.isascii():
        return shown.casefold()
    return seen(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", shown).casefold()))


def compared(text: str) -> str:
    """Form for comparisons that keeps letter case, otherwise like ``folded``."""
    shown = seen(text)
    return shown if shown.isascii() else seen(unicodedata.normalize("NFKC", shown))


def bare(text: str) -> str:
    """Bare form: ``folded``, without surrounding quotes, brackets and stops, with one kind of blank and of letters.

    Signs that say something, as in "C++", "A-" or "<5", stay.
    """
    whole = folded(text).translate(_LATIN)
    inner = whole.lstrip(_OPENING + " ").rstrip(_CLOSING + " ")
    return _PARTED.sub(" ", inner.strip("_ ")) or whole


def same_form(one: str, other: str) -> bool:
    """Whether two names look the same: they differ at most in characters that are not shown, in NFC or in blanks."""
    return one == other or seen(one) == seen(other)


def unseen_in(text: str) -> list[str]:
    """What of a text is not seen, as "U+200B", each once and in its order; decomposed letters are named as such."""
    blanks = [character for character in text if character.isspace() and character not in " \t\n\r"]
    gone = _IGNORABLE.findall(text) + [character for character in text if character == "\u200d"]
    unseen = [f"U+{ord(character):04X}" for character in [*gone, *blanks]]
    if not unicodedata.is_normalized("NFC", text):
        unseen.append("letters in parts (NFD)")
    return list(dict.fromkeys(unseen))


def named_in_file(
    written: Sequence[str], form: Callable[[str], str], times: Sequence[int] | None = None
) -> dict[str, str]:
    """The most frequent spelling among the names of one form, for every written name; of equals the shortest, then that in small letters.

    ``times`` is how often each is written, once without it. A name without anything to be seen, whose form is "",
    becomes "".
    """
    counts: Counter[str] = Counter()
    for name, count in zip(written, times or [1] * len(written), strict=True):
        counts[name] += count
    form_of = {name: form(name) for name in counts}
    best: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], len(name), name.swapcase())):
        best.setdefault(form_of[name], name)
    return {name: best[key] if key else "" for name, key in form_of.items()}
