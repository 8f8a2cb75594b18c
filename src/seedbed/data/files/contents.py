"""The bytes of a file that a user names, out of its archive where it lies in one."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from seedbed.errors import DataError, near_misses

OFFICE = ("[Content_Types].xml", "content.xml")  # a member of every document of Microsoft Office and of OpenDocument


def unpacked(path: Path) -> tuple[bytes, str]:
    """The file's content and name; of an archive, those of the file in it. Raises ``DataError``."""
    content = _content(path)
    name = path.name
    try:
        if content.startswith(b"\x1f\x8b"):
            return gzip.decompress(content), name.removesuffix(".gz")
        if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                name = _only_member(path, archive)
                return archive.read(name), name
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path}: the archive cannot be unpacked ({error}). Get it again, or unpack it.") from error
    return content, name


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        misses = near_misses(path.name, siblings)
        raise DataError(
            f"data.path={path}: there is no such file"
            f"{f', {misses}' if misses.startswith('did') else '. Name the file that holds the records.'}"
        ) from error
    except IsADirectoryError as error:
        files = sorted(file.name for file in path.iterdir() if file.is_file())
        holds = f" It holds {', '.join(files[:10])}{', ...' if len(files) > 10 else ''}." if files else ""
        raise DataError(f"data.path={path} is a folder: name a file.{holds}") from error
    except OSError as error:
        raise DataError(
            f"data.path={path} cannot be read: {error.strerror or error}. Check its permissions."
        ) from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if any(name in names for name in OFFICE):
        raise DataError(f"{path} is an office document, not a table of text. Export it as CSV (UTF-8) and name that.")
    members = [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if not members:
        raise DataError(f"{path} is an empty zip archive. Get it again, or name the file that holds the records.")
    if len(members) != 1:
        raise DataError(
            f"{path} holds {len(members)} files ({', '.join(members[:10])}): unpack it, and name the one that is meant."
        )
    return members[0]
