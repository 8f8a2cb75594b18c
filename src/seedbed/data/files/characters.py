"""Decoding of bytes: the encoding of a text is detected or given, and what does not fit it is named or replaced."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import charset_normalizer
import numpy as np

from seedbed.data.files.reading import Reading, Replaced, numbered
from seedbed.errors import DataError

MOSTLY_ASCII = 0.9  # share of ASCII bytes from which on the others are taken for Western European letters
CONTROL_SHARE = 0.02  # share of control characters from which on a file is not text
NEARLY_ALL = 4  # so many times more characters that are UTF-8 than bytes that are not make a file UTF-8
FEW_BYTES = 32  # of characters outside ASCII: with fewer of them no guess is sure
LEAST_COHERENCE = 0.1  # of charset-normalizer: how much the letters are as frequent as in a language
IMPLAUSIBLE = 0.1  # share of the words outside ASCII that no Western language has, from which on it is none
GUESSED_BY = 100_000  # bytes
USUAL = (
    "cp1252", "cp1250", "cp1251", "cp932", "gb18030", "big5", "cp949", "euc_jp", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp1257", "koi8_r", "cp850", "cp852", "cp866", "mac_roman",
)  # fmt: skip
_WESTERN = (
    "ascii",
    "cp1252",
    "cp1254",
    "latin_1",
    "iso8859_9",
    "iso8859_15",
)  # a guess comes after these were ruled out
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),  # before UTF-16, whose mark begins theirs
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8"),
)  # fmt: skip
# Hive parts fields by \x01; \x1c to \x1f are separators by their names.
_CONTROLS = bytes(code for code in range(1, 32) if code not in b"\t\n\v\f\r\x01\x1c\x1d\x1e\x1f")
_HALF = re.compile("[\ud800-\udfff]")
_LETTER = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e"
_SYMBOL = "\u00b3\u00b9\u00b2\u00bf\u00bc\u00bd\u00be\u00a5\u00a6\u00ac\u00b1\u00b6\u00b8\u00a8\u00af\u00a3\u00a2\u00a4"
_SYMBOL += "\u00a7\u00d7\u00f7\u00ae\u201a\u201e\u2020\u2021\u02c6\u2030\u2039\u0192\x80-\x9f"
_NOT_WESTERN = re.compile(
    f"[{_LETTER}][{_SYMBOL}][{_LETTER}]|"  # a sign in the midst of a word
    "[\u00a3\u00b3\u00b9\u00bc\u00be\u00a5\u00a6\u00ac][A-Za-z\u00c0-\u00ff]{2}|"  # or before one
    "[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e]{3}|"  # no unaccented letter among three
    "[a-z\u00df-\u00ff][\u00c0-\u00d6\u00d8-\u00de\u0160\u0152\u017d\u0178]"  # a capital after a small letter
)


@dataclass(frozen=True)
class Text:
    """The characters of a file, without a byte order mark."""

    text: str
    encoding: str
    """As the report says it."""
    replaced: Replaced | None = None


def decoded(path: Path, content: bytes, reading: Reading) -> Text:
    """The text of a file; raises ``DataError``.

    Bytes that are not of its encoding are named by line, or replaced where ``reading`` drops what cannot be read.
    """
    marked = next((encoding for mark, encoding in _BOMS if content.startswith(mark)), None)
    if reading.encoding != "auto":
        encoding, said = reading.encoding, f"{reading.encoding} (given)"
        _check_mark(path, encoding, marked)
        _check_width(path, content, encoding, marked)
    elif marked:
        encoding, said = marked, f"{marked} (from its byte order mark)"
    else:
        encoding = said = _found_encoding(path, content)
    try:
        text, replaced = content.decode(encoding), None
    except UnicodeError as error:
        bad = _Bad.of(content, encoding)
        if bad is None:
            raise DataError(f"{path} is not {encoding} ({error}). {_give_encoding(path, content, encoding)}") from error
        if not reading.drops:
            raise DataError(_bad_bytes(path, content, encoding, bad, reading)) from error
        text, replaced = bad.text, bad.replaced(content, encoding)
    if not _is_of_unicode(encoding) and (halves := halves_in(text)):
        raise DataError(
            f"{path} is not {encoding}: it would have {halves} characters that are invalid. "
            f"{_give_encoding(path, content, encoding)}"
        )
    return Text(text.removeprefix("\ufeff"), said, replaced)


# ---- halves of surrogate pairs ---------------------------------------------------------------------------------------


def halves_in(text: str) -> int:
    """How many characters of a string are half of a surrogate pair, which no encoding can write."""
    return len(_HALF.findall(text))


def without_halves(text: str) -> str:
    """The string with U+FFFD in the place of each half of a surrogate pair."""
    return _HALF.sub("\ufffd", text)


# ---- the encoding ----------------------------------------------------------------------------------------------------


def _refuse_controls(path: Path, content: bytes) -> None:
    controls = len(content) - len(content.translate(None, _CONTROLS))
    if controls > CONTROL_SHARE * len(content):
        raise DataError(
            f"{path} begins {content[:16]!r} and holds bytes that no text has. Name a text file or Parquet, or set "
            "data.encoding where it is text."
        )


def _found_encoding(path: Path, content: bytes) -> str:
    """The encoding of a file without a byte order mark; raises ``DataError`` where it cannot be told."""
    if b"\0" in content and (wide := _wide(content)):
        return wide
    _refuse_controls(path, content)
    if _decodes(content, "utf-8"):
        return "utf-8"
    bad = _Bad.of(content, "utf-8")
    valid = len(bad.text) - len(bad.text.encode("ascii", "ignore")) - len(bad.starts) if bad else 0
    wrong = bad.count if bad else 0
    if valid >= NEARLY_ALL * wrong:
        return "utf-8"
    if wrong < NEARLY_ALL * valid:
        raise DataError(
            f"{path} is UTF-8 in part: {valid} characters outside ASCII are, {wrong} bytes are not. "
            f"{_samples(content, ['utf-8', 'cp1252', *_guesses(content)])} Give what most of it is: data.encoding=utf-8 or "
            "another; bytes that do not fit it are replaced and counted under data.bad_lines=drop."
        )
    if np.mean(np.frombuffer(content, dtype=np.uint8) < 128) >= MOSTLY_ASCII:
        western = "cp1252" if _decodes(content, "cp1252") else "latin-1"
        if _is_western(content.decode(western)):
            return western
    return _guessed(path, content)


def _wide(content: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: line ends have NULs beside them, and only there."""
    for encoding, unit in (("utf-32-le", "<u4"), ("utf-32-be", ">u4"), ("utf-16-le", "<u2"), ("utf-16-be", ">u2")):
        size = int(unit[-1])
        units = np.frombuffer(content, dtype=unit, count=len(content) // size)
        # Of each unit, the byte that is a line feed in this order of bytes.
        low = np.frombuffer(content, dtype=np.uint8)[: len(units) * size].reshape(-1, size)[:, 0 if "<" in unit else -1]
        lines, feeds = int(np.count_nonzero(units == ord("\n"))), int(np.count_nonzero(low == ord("\n")))
        ascii_units = int(np.count_nonzero((units > 0) & (units < 128)))
        many = lines >= 0.5 * feeds or ascii_units >= 0.05 * len(units)
        if lines and many and ascii_units > int(np.count_nonzero(units == 0)):
            return encoding
    return None


def _is_western(text: str) -> bool:
    """Whether the characters outside ASCII stand where Western languages have them."""
    words = len(re.findall("[^\x00-\x7f]+", text))
    return len(_NOT_WESTERN.findall(text)) <= IMPLAUSIBLE * words


def _guessed(path: Path, content: bytes) -> str:
    """charset-normalizer's best guess; raises ``DataError`` where it is not sure."""
    sample = _lines_outside_ascii(content)
    outside = sum(byte > 127 for byte in sample)
    matches = list(charset_normalizer.from_bytes(sample))
    if matches and outside >= FEW_BYTES:
        best = matches[0]
        likely = best.encoding not in _WESTERN and not best.encoding.startswith("mac_")
        rivals = [match for match in matches[1:] if str(match) != str(best) and not match.encoding.startswith("utf")]
        coherent = best.coherence >= LEAST_COHERENCE
        alone = all(_is_worse(rival, best) for rival in rivals)
        if likely and alone and (coherent or best.multi_byte_usage > 0.2) and _decodes(content, best.encoding):
            return best.encoding
    raise DataError(
        f"{path}: its encoding cannot be told for sure. {_samples(content, [*_guesses(content)[:2], 'cp1252', *_guesses(content)])} Give the one "
        "that is right, or another: data.encoding=NAME."
    )


def _is_worse(rival: charset_normalizer.CharsetMatch, best: charset_normalizer.CharsetMatch) -> bool:
    return rival.chaos > best.chaos + 0.02 or rival.coherence < best.coherence - 0.05


def _lines_outside_ascii(content: bytes) -> bytes:
    lines, size = [], 0
    for line in re.split(b"[\r\n]+", content):
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size > GUESSED_BY:
                break
    return b"\n".join(lines)[: 2 * GUESSED_BY]


def _guesses(content: bytes) -> list[str]:
    """Likely encodings, the likeliest first."""
    matches = charset_normalizer.from_bytes(_lines_outside_ascii(content), cp_isolation=list(USUAL))
    return [next(name for name in USUAL if name in match.could_be_from_charset) for match in matches][:4]


def _samples(content: bytes, encodings: list[str], most: int = 3) -> str:
    """How the first characters outside ASCII read in some encodings, each once."""
    at = next(number for number, byte in enumerate(content) if byte > 127)
    start = max(content.rfind(b"\n", 0, at) + 1, at - 20)
    end = content.find(b"\n", at)
    piece = content[start : len(content) if end < 0 else end]
    shown: dict[str, str] = {}
    for encoding in encodings:
        try:
            read = piece.decode(encoding, "strict" if encoding != "utf-8" else "replace")[:40].strip()
        except UnicodeError:
            continue
        if read not in shown and len(shown) < most and _decodes(content, encoding, or_utf_8=True):
            shown[read] = encoding
    if not shown:
        return "None of the usual ones fits it."
    line = content.count(b"\n", 0, at) + 1
    return f"Line {line} reads {', '.join(f'{read!r} in {encoding}' for read, encoding in shown.items())}."


def _decodes(content: bytes, encoding: str, *, or_utf_8: bool = False) -> bool:
    if or_utf_8 and encoding == "utf-8":
        return True
    try:
        content.decode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _is_of_unicode(encoding: str) -> bool:
    """Whether decoding can give no half of a surrogate pair."""
    name = codecs.lookup(encoding).name
    return name in ("ascii", "utf-8", "utf-8-sig") or name.startswith(("utf-16", "utf-32", "iso8859", "cp125"))


def _check_mark(path: Path, given: str, marked: str | None) -> None:
    if marked and not codecs.lookup(given).name.startswith(marked):
        raise DataError(
            f"{path} begins with the byte order mark of {marked}, but data.encoding={given}. Set "
            f"data.encoding={marked}, or leave it at auto."
        )


def _check_width(path: Path, content: bytes, given: str, marked: str | None) -> None:
    """Every two bytes are a character of UTF-16, so that it can make a text of nearly any file."""
    if marked or not codecs.lookup(given).name.startswith(("utf-16", "utf-32")) or b"\0" in content:
        return
    if b"\n" in content or b"\r" in content:
        raise DataError(
            f"{path} is not {given} (data.encoding={given}): its line ends take one byte each. "
            f"{_give_encoding(path, content, given)}"
        )


# ---- bytes that do not fit -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bad:
    """Bytes that are not of an encoding, and the text with U+FFFD in their place."""

    text: str
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, content: bytes, encoding: str) -> _Bad | None:
        """None where this encoding cannot go on after a fault."""
        starts: list[int] = []
        ends: list[int] = []

        def replace(error: UnicodeError) -> tuple[str, int]:
            if not isinstance(error, UnicodeDecodeError):
                raise error
            starts.append(error.start)
            ends.append(error.end)
            return "\ufffd", error.end

        codecs.register_error("seedbed.replace", replace)
        try:
            text = content.decode(_with_order(content, encoding), "seedbed.replace")
        except (UnicodeError, LookupError, TypeError):
            return None
        return cls(text, starts, ends)

    @property
    def count(self) -> int:
        return sum(end - start for start, end in zip(self.starts, self.ends, strict=True))

    def lines(self, content: bytes, encoding: str) -> list[int]:
        """The lines that hold them, each once."""
        return list(dict.fromkeys(_lines_of(content, encoding, self.starts)))

    def replaced(self, content: bytes, encoding: str) -> Replaced:
        lines = self.lines(content, encoding)
        what = f"{self.count} byte{'' if self.count == 1 else 's'}, not {encoding},"
        return Replaced(self.count, tuple(lines), "replaced_bytes", what)


def _with_order(content: bytes, encoding: str) -> str:
    """The encoding with its order of bytes, so that places are those in the file."""
    name = codecs.lookup(encoding).name
    if name in ("utf-16", "utf-32"):
        return f"{name}-{'be' if content.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)) else 'le'}"
    return "utf-8" if name == "utf-8-sig" else encoding


def _lines_of(content: bytes, encoding: str, places: list[int]) -> Iterator[int]:
    """The line, from 1, of each place of a file."""
    ordered = _with_order(content, encoding)
    wide = {"utf-16-le": "<u2", "utf-16-be": ">u2", "utf-32-le": "<u4", "utf-32-be": ">u4"}.get(
        codecs.lookup(ordered).name, "u1"
    )
    size = np.dtype(wide).itemsize
    units = np.frombuffer(content, dtype=wide, count=len(content) // size)
    ends = np.flatnonzero(units == ord("\n"))
    if not len(ends):
        ends = np.flatnonzero(units == ord("\r"))
    yield from (np.searchsorted(ends, np.array(places) // size) + 1).tolist()


def _bad_bytes(path: Path, content: bytes, encoding: str, bad: _Bad, reading: Reading) -> str:
    lines = bad.lines(content, encoding)
    first = content[bad.starts[0] : bad.ends[0]]
    what = f"byte{'' if len(first) == 1 else 's'} {' '.join(f'0x{byte:02x}' for byte in first)}"
    many = f" ({bad.count} such bytes, on {numbered(lines)})" if len(bad.starts) > 1 else ""
    given = f" (data.encoding={reading.encoding})" if reading.encoding != "auto" else ", though nearly all else is"
    remedy = _give_encoding(path, content, encoding) if reading.encoding != "auto" else "Fix it."
    return (
        f"{path}, line {lines[0]}: {what} {'is' if len(first) == 1 else 'are'} not {encoding}{many}{given}. "
        f"{remedy.removesuffix('.')}, or let such bytes be replaced by U+FFFD, and counted: data.bad_lines=drop."
    )


def _give_encoding(path: Path, content: bytes, wrong: str) -> str:
    """Advice on an encoding that fits the whole file."""
    try:
        encoding = _found_encoding(path, content)
    except DataError:
        fits = [name for name in dict.fromkeys([*_guesses(content), "cp1252"]) if _decodes(content, name)][:3]
        return f"Set data.encoding to the file's own, such as {' or '.join(fits)}." if fits else "Fix the file."
    if codecs.lookup(encoding).name == codecs.lookup(wrong).name or not _decodes(content, encoding):
        return "Fix it."
    return f"Set data.encoding={encoding}, which fits all of it."
