"""Errors that a user can mend: one paragraph that names the value, the place and the remedy."""

from __future__ import annotations

import difflib
import re
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class SeedbedError(Exception):
    """Base of every error that the command line answers with a paragraph and exit code 2."""


class ConfigError(SeedbedError):
    """A config, an override or an experiment file cannot be used as it stands."""


class NotInTheData(ConfigError):
    """A variant asks for something that these data do not have, such as metadata of users."""


class DataError(SeedbedError):
    """A data file is missing, damaged, or cannot serve the experiment."""


class TrackingError(SeedbedError):
    """The tracking store refuses, or holds something else than what is asked for."""


def without_addresses(text: str) -> str:
    """A message in which Python's names of objects are those that a reader knows: no ``<function f at 0x7f3a...>``."""
    return re.sub(r"<(?:\w+ )*?([\w.<>]+)(?: object)? at 0x[0-9a-fA-F]+>", r"\1", text)


_OPTIONS = (
    "metric", "baseline", "good", "split", "test-share", "train-share", "variant-key", "seed-key",
    "curves", "mlflow", "tracking-uri", "filter", "run", "data-set",
)  # fmt: skip
_NAMED_OTHERWISE = {"filter": "query"}
_OPTION = re.compile(rf"--({'|'.join(_OPTIONS)})(?:([ =])(?=[\w'\"]))?")


def with_arguments(text: str) -> str:
    """A sentence that names options of a command, with the arguments of the Python function: ``metric=x`` for ``--metric x``."""

    def argument(option: re.Match[str]) -> str:
        name = _NAMED_OTHERWISE.get(option[1], option[1].replace("-", "_"))
        return f"{name}=" if option[2] else name

    return _OPTION.sub(argument, text)


@contextmanager
def naming_arguments() -> Iterator[None]:
    """A user's error is about the arguments of a Python function, not about the options of a command."""
    try:
        yield
    except SeedbedError as error:
        raise type(error)(with_arguments(str(error))) from error


_UNDECODED = re.compile("[\ud800-\udfff]")


_FRAME = re.compile(r'^ *File "(.+?)", line (\d+), in ', re.MULTILINE)


def place_in_own_code(trace: str) -> str:
    """File and line, such as ``mymodule.py:12``, of the last frame of a traceback that is the user's own code; "" without one.

    Of a text, as that is what comes back from other processes.
    """
    not_own = (str(Path(__file__).resolve().parent), *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")))
    own = [
        (file, line)
        for file, line in _FRAME.findall(trace)
        if not file.startswith(("<", *not_own)) and not {"site-packages", "dist-packages"} & set(Path(file).parts)
    ]
    return f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else ""


def readable(text: str) -> str:
    """A text that can be written: bytes of a file's name that are not UTF-8 stand as they are typed, such as ``\\xe9``."""
    return _UNDECODED.sub(lambda match: _byte_or_half(match[0]), text)


def check_storable(place: str, text: str) -> None:
    """Raise ``ConfigError`` for a text of which a part is no character, so that nothing of it could be recorded.

    Python gives such parts to the bytes of an argument, or of a file's name, that are not UTF-8.
    """
    if match := _UNDECODED.search(text):
        raise ConfigError(
            f"{readable(place)}: {_byte_or_half(match[0])} is not a character of UTF-8, in which all that is recorded is written. "
            "Rename the file or folder, or fix the text."
        )


def _byte_or_half(character: str) -> str:
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


class StoreFull(TrackingError):
    """The disk of the store is full, so that nothing more can be recorded: what goes on would be lost."""


def near_misses(name: str, known: Iterable[str]) -> str:
    """Say which known names look like ``name``, or which there are when none does."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    # A user often types the last part of a dotted key, or a metric without its side.
    close += [known for known in names if known not in close and re.split(r"[./]", known)[-1] == name]
    if close:
        return f"did you mean {' or '.join(repr(match) for match in close[:3])}?"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"known: {shown}." if names else "there are none."
