"""Files that are no table, named as what they are: web pages, pointers, pictures, databases and the like."""

from __future__ import annotations

import json
import re
from pathlib import Path

from seedbed.errors import DataError

_EXPORT = "Open it and save the table as CSV (UTF-8), and name that file"
_UNPACK = "Unpack it, and name the file in it"
_NO_TABLE = "Name the file that holds the records"
_BEGINNINGS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls) or another old office document", _EXPORT),
    (b"%PDF-", "a PDF document", _NO_TABLE),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", _NO_TABLE),
    (b"\xff\xd8\xff", "a JPEG picture", _NO_TABLE),
    (b"GIF8", "a GIF picture", _NO_TABLE),
    (b"SQLite format 3\0", "an SQLite database", "Export the table as CSV, and name that file"),
    (b"{\\rtf", "a document of rich text (RTF)", _EXPORT),
    (b"\x93NUMPY", "a NumPy array", "Write it as CSV, such as by numpy.savetxt, and name that file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "Write its table as CSV or Parquet, and name that file"),
    (b"FEA1", "a Feather file of version 1", "Write it as Parquet, and name that file"),
    (b"ORC", "an ORC file", "Write it as Parquet, and name that file"),
    (b"Obj\x01", "an Avro file", "Write it as Parquet or JSON lines, and name that file"),
    (b"<stata_dta>", "a Stata file", "Write it as CSV or Parquet, and name that file"),
    (b"$FL2", "an SPSS file", "Write it as CSV or Parquet, and name that file"),
    (b"RDX", "an R data file", "Write its table by write.csv, and name that file"),
    (b"BZh", "an archive of bzip2", _UNPACK),
    (b"\xfd7zXZ\0", "an archive of xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "an archive of Zstandard", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "an archive of 7-Zip", _UNPACK),
    (b"Rar!\x1a\x07", "an archive of RAR", _UNPACK),
    (b"\0\x05\x16\x07", "what macOS keeps beside a file (its name begins with ._)", _NO_TABLE),
    (b"\x7fELF", "a program", _NO_TABLE),
)  # fmt: skip
_MARKED = (  # known by more than their first letters, which a table may begin with
    (re.compile(rb"ORC.*ORC.?\Z", re.DOTALL), "an ORC file", "Write it as Parquet, and name that file"),
    (re.compile(rb"MATLAB 5\.0 MAT-file"), "a MATLAB file", "Write its table by writetable, and name that file"),
    (re.compile(rb"[AX]\n(?:\0\0\0[\2\3]|[23]\n\d+\n)"), "an R data file (RDS)", "Write its table by write.csv, and name that file"),
    (re.compile(rb"PK\x03\x04"), "an archive within an archive", _UNPACK),
    (re.compile(rb"\x1f\x8b"), "an archive within an archive", _UNPACK),
    (re.compile(rb"\0+\Z"), "a file of NUL bytes only, as a copy that was broken off leaves it", "Get it again"),
)  # fmt: skip
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_OLD_PICKLE = re.compile(rb"\(?[dl]p\d+\n|\(?c\w+(?:\.\w+)*\n\w+\n")  # of protocol 0
_ERROR_KEYS = {
    "message",
    "error",
    "errors",
    "status",
    "code",
    "detail",
    "details",
    "documentation_url",
    "title",
    "type",
}
_MARKUP = re.compile(
    r"<(?:(!doctype|html|head|body|script|table|title|meta|\?xml|svg|rss|kml|gpx)\b|!--)", re.IGNORECASE
)
_LIBSVM = re.compile(r"[-+]?[0-9.]+(?:,[0-9.]+)*(?:[ \t]+qid:\d+)?(?:[ \t]+\d+:[-+]?[0-9.]\S*)+[ \t]*(?:#.*)?")


def refuse_binary(path: Path, content: bytes) -> None:
    """Raise ``DataError`` for a file whose first bytes say that it is something else than a text or a table."""
    for beginning, what, remedy in _BEGINNINGS:
        if content.startswith(beginning) and not (beginning.isalnum() and _is_ascii(content)):
            raise DataError(f"{path} is {what}, not a table of text. {remedy}.")
    for known, what, remedy in _MARKED:
        if known.match(content):
            raise DataError(f"{path} is {what}, not a table of text. {remedy}.")
    if (_PICKLE.match(content) or _OLD_PICKLE.match(content)) and content.endswith(b"."):
        raise DataError(
            f"{path} is a pickle of Python, which is not read since reading one can run anything. Write it as Parquet or "
            "CSV, and name that file."
        )
    if content[257:262] == b"ustar":
        raise DataError(f"{path} is a tar archive, not a table of text. {_UNPACK}.")


def refuse_foreign(path: Path, text: str, *, as_json: bool) -> None:
    """Raise ``DataError`` for a text that is no table; ``as_json``: JSON is what is asked for."""
    start = text[:4096].lstrip()
    what = _pointer(start) or _markup(start) or _json(text, start, as_json)
    if what is None and not as_json and _is_libsvm(start):
        what = (
            "in the format of libsvm (label index:value ...), not a table",
            "Turn it into CSV, such as by sklearn.datasets.load_svmlight_file, and name that file",
        )
    if what:
        raise DataError(f"{path} is {what[0]}. {what[1]}.")


def _is_ascii(content: bytes) -> bool:
    """A table may begin with the letters by which another format is known."""
    return content[:512].isascii() and b"\0" not in content[:512]


def _pointer(start: str) -> tuple[str, str] | None:
    """The error for a pointer file, whose large file was not fetched."""
    if start.startswith("version https://git-lfs.github.com/spec/"):
        size = re.search(r"^size (\d+)", start, re.MULTILINE)
        of = f" (of {int(size[1]):,} bytes)" if size else ""
        return f"a pointer of Git LFS, not the file itself{of}", "Fetch it: git lfs pull"
    if re.match(r"\S*/annex/objects/\S+\s*$", start):
        return "a pointer of git-annex, not the file itself", "Fetch it: git annex get"
    if re.search(r"^outs:", start, re.MULTILINE) and re.search(r"^[ \t-]*(md5|hash):", start, re.MULTILINE):
        return "a pointer of DVC, not the file itself", "Fetch it by dvc pull, and name the file that it stands for"
    return None


def _markup(start: str) -> tuple[str, str] | None:
    match = _MARKUP.match(start)
    if not match:
        return None
    is_page = "html" in start[:1024].casefold() or (match[1] or "").casefold() in (
        "head",
        "body",
        "script",
        "table",
        "title",
        "meta",
    )
    if is_page:
        title = re.search(r"<title>\s*([^<]{1,60})", start, re.IGNORECASE)
        named = f" with the title {' '.join(title[1].split())!r}" if title else ""
        return (
            f"a web page (HTML){named}, not a table",
            "Download the data file itself, such as by its raw or download link",
        )
    return "XML, not a table", "Write its records as CSV or JSON lines, and name that file"


def _json(text: str, start: str, as_json: bool) -> tuple[str, str] | None:
    if not start.startswith("{" if as_json else ("{", "[")):
        return None
    first, _, rest = text.strip().partition("\n")
    value = _parsed(first) if rest.strip() else _parsed(text)
    if isinstance(value, dict) and rest.strip():
        return None if as_json else ("JSON lines", "Set data.format=jsonl")
    if value is None:
        value = _parsed(text)
    if isinstance(value, list) and not as_json and (not value or isinstance(value[0], dict)):
        return "a JSON array", "Set data.format=jsonl"
    if isinstance(value, dict) and value:
        keys = ", ".join(map(repr, list(value)[:5])) + (", ..." if len(value) > 5 else "")
        said = next((value[key] for key in ("message", "error", "detail") if isinstance(value.get(key), str)), None)
        if said is not None and set(value) <= _ERROR_KEYS:
            return f"the answer of a server that says {said[:60]!r}, not a table", "Download the file again"
        if not as_json or any(isinstance(part, dict | list) for part in value.values()):
            return (
                f"one JSON object with the keys {keys}, not records",
                "Write its records as an array of objects or as one object a line, and set data.format=jsonl",
            )
    return None


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return None


def _is_libsvm(start: str) -> bool:
    lines = [line for line in start.split("\n")[:-1] or [start] if line.strip()][:20]
    pairs = max((line.count(":") for line in lines), default=0)
    return pairs > 1 and all(_LIBSVM.fullmatch(line.strip()) for line in lines)
