"""CIFAR-10 from files of a few records, and the files at hand."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seedbed.data import sources
from seedbed.data.cifar10 import Cifar10
from seedbed.data.network_inputs import Pictures
from seedbed.data.published import cifar10
from seedbed.data.published.cifar10 import CLASSES, digest_of
from seedbed.errors import DataError

ROWS = 4


def records(number: int) -> np.ndarray:
    made = np.random.default_rng(number).integers(0, 256, (ROWS, cifar10.RECORD), dtype=np.uint8)
    made[:, 0] = (number + np.arange(ROWS)) % 10
    return made


def write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(cifar10.DIGESTS):
        records(number).tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    return folder


@pytest.fixture(autouse=True)
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published files of four records each, except where the real ones are asked for."""
    if request.node.get_closest_marker("data"):
        return
    digests = {name: hashlib.sha256(records(at).tobytes()).hexdigest() for at, name in enumerate(cifar10.DIGESTS)}
    monkeypatch.setattr(cifar10, "ROWS_OF_A_FILE", ROWS)
    monkeypatch.setattr(cifar10, "DIGESTS", digests)


@pytest.mark.parametrize("place", ["", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_the_pictures_and_their_parts(tmp_path: Path, place: str) -> None:
    folder = write(tmp_path / "data" / place)
    table = Cifar10(root=str(tmp_path / "data")).load()
    every = np.concatenate([records(number) for number in range(6)])
    assert table.labels.tolist() == every[:, 0].tolist()
    assert table.classes == CLASSES
    assert np.array_equal(table.features.reshape(24, -1), every[:, 1:])
    assert table.inputs == Pictures(3, 32, 32)
    assert table.features[5, 2, 1, 3] == every[5, 1 + 2 * 1024 + 32 + 3]
    assert table.parts is not None
    assert table.parts.tolist() == [0] * 20 + [2] * 4
    assert (table.name, table.notes, table.digest) == ("cifar10", (), digest_of(cifar10.DIGESTS))
    assert Cifar10(root=str(tmp_path / "data")).describe()[0].digest == "ok"
    (folder / "test_batch.bin").unlink()
    assert Cifar10(root=str(tmp_path / "data")).describe()[0].found == "not here"


def test_it_is_found_in_the_cache_and_its_pictures_are_kept_once(tmp_path: Path) -> None:
    write(sources.cache_dir() / "cifar10" / "cifar-10-batches-bin")
    first = Cifar10().load()
    assert first.stored is not None
    written = first.stored.stat().st_mtime_ns
    assert Cifar10().load().stored == first.stored
    assert first.stored.stat().st_mtime_ns == written


def test_another_copy_is_used_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "cifar10" / "cifar-10-batches-bin")
    changed = records(2)
    changed[0, 7] ^= 1
    changed.tofile(folder / "data_batch_3.bin")
    table = Cifar10(root=str(tmp_path)).load()
    assert table.name == "cifar10_copy"
    assert table.digest != digest_of(cifar10.DIGESTS)
    assert "A COPY OF ITS OWN" in table.notes[0]
    assert "not data_batch_3.bin" in table.notes[0]
    assert table.digest in table.notes[0]
    assert str(tmp_path) not in table.notes[0]
    assert Cifar10(root=str(tmp_path)).describe()[0].digest.startswith(f"wrong: {table.digest}")


def test_files_of_another_form_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "cifar-10-batches-bin")
    (folder / "batches.meta.txt").write_text("apple\norchid\n")
    with pytest.raises(DataError, match="names the classes apple, orchid"):
        Cifar10(root=str(tmp_path)).load()
    label = records(1)
    label[2, 0] = 10
    label.tofile(folder / "data_batch_2.bin")
    with pytest.raises(DataError, match=r"data_batch_2.bin is damaged: it has a label 10"):
        Cifar10(root=str(tmp_path)).load()
    (folder / "data_batch_1.bin").write_bytes(b"short")
    with pytest.raises(DataError, match=r"data_batch_1.bin has 5 bytes, not 12292. Replace"):
        Cifar10(root=str(tmp_path)).load()
    assert "has 5 bytes" in Cifar10(root=str(tmp_path)).describe()[0].digest
    (folder / "data_batch_1.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_1.bin is missing"):
        Cifar10(root=str(tmp_path)).load()


def served(monkeypatch: pytest.MonkeyPatch, archive: Path | None) -> None:
    def serve(self: Any, url: str, output_file: str, pooch: Any) -> None:
        assert url == cifar10.ADDRESS
        if archive is None:
            raise ConnectionError("Name or service not known")
        Path(output_file).write_bytes(archive.read_bytes())

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", serve)


def test_it_is_fetched_where_it_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "published.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(write(tmp_path / "made"), "cifar-10-batches-bin")
    served(monkeypatch, archive)
    with pytest.raises(DataError, match=r"the archive there has SHA-256 .*, expected c4a38c50"):
        Cifar10().locate()
    monkeypatch.setattr(cifar10, "ARCHIVE_DIGEST", sources.sha256(archive))
    source = Cifar10().locate()
    assert source.name == "cifar10"
    assert source.path == sources.cache_dir() / "data" / "cifar10" / "cifar-10-batches-bin"
    assert sorted(path.name for path in source.path.parent.iterdir()) == ["cifar-10-batches-bin"]
    served(monkeypatch, None)
    assert Cifar10().locate() == source


def test_without_the_network_the_error_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, None)
    with pytest.raises(DataError) as refused:
        Cifar10(root=str(tmp_path)).locate()
    said = str(refused.value)
    assert f"{tmp_path}/cifar-10-batches-bin: no test_batch.bin there" in said
    assert "Name or service not known" in said
    assert "By hand: take https://" in said
    assert cifar10.ARCHIVE_DIGEST in said


FOUND = [
    folder
    for folder in (Path(os.environ.get("SEEDBED_DATA", ".")) / inside for inside in ("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"))
    if (folder / "test_batch.bin").is_file()
]  # fmt: skip


@pytest.mark.data
@pytest.mark.skipif(not FOUND, reason="SEEDBED_DATA names no folder with cifar-10-batches-bin")
def test_the_real_pictures() -> None:
    table = Cifar10(root=str(FOUND[0].parent)).load()
    assert table.features.shape == (60_000, 3, 32, 32)
    assert np.bincount(table.labels).tolist() == [6000] * 10
    assert table.parts is not None
    assert np.bincount(table.parts).tolist() == [50_000, 0, 10_000]
