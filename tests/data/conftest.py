"""Reading small files of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seedbed.data.files.records import Reading, open_records
from seedbed.errors import DataError


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Write ``content`` to a file and give its columns by name, with the records themselves under "records"."""

    def read(
        content: bytes | str, name: str = "file.csv", wanted: tuple[str, ...] = (), **reading: Any
    ) -> dict[str, Any]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        records = open_records(path, Reading(**reading), wanted)
        values = records.strings(range(len(records.columns)))
        return {**dict(zip(records.columns, values, strict=True)), "records": records}

    return read


@pytest.fixture
def refusal(read: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """The one paragraph by which a file is refused."""

    def refusal(*arguments: Any, **reading: Any) -> str:
        with pytest.raises(DataError) as caught:
            read(*arguments, **reading)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refusal


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloads and vectors."""
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path))
    return tmp_path


def cached_files(cache: Path) -> list[Path]:
    """The files of vectors in it."""
    return [path for path in (cache / "vectors").rglob("*") if path.is_file()]
