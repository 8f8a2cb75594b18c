"""Sentence encoders and their cache."""

import errno

import numpy as np
import pytest

from seedbed.data import sources
from seedbed.data.encoders import HashEncoder, UniversalSentenceEncoder, encode_cached
from seedbed.errors import ConfigError, DataError


class CountingEncoder(HashEncoder):
    """Remembers what it was asked to encode."""

    def __init__(self) -> None:
        super().__init__(dimensions=8)
        self.asked: list[list[str]] = []

    def encode(self, texts, progress=None):
        self.asked.append(list(texts))
        return super().encode(texts, progress)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path))
    return tmp_path


def cached_files(cache):
    return [path for path in (cache / "vectors").rglob("*") if path.is_file()]


def test_the_second_call_reads_the_cache(cache):
    encoder = CountingEncoder()
    first = encode_cached(encoder, ["b", "a", "b"])
    again = encode_cached(encoder, ["b", "a", "b"])
    assert encoder.asked == [["b", "a"]], "equal texts are encoded once"
    assert np.array_equal(first, again)
    assert np.array_equal(first, HashEncoder(dimensions=8).encode(["b", "a", "b"]))
    (file,) = cached_files(cache)
    assert file.parent.name == encoder.name


def test_other_texts_have_another_file(cache):
    for texts in (["a", "b"], ["b", "a"], ["ab"]):
        encode_cached(HashEncoder(), texts)
    assert len(cached_files(cache)) == 3


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_file_is_made_anew(cache, damage):
    encoder = CountingEncoder()
    first = encode_cached(encoder, ["a", "b"])
    (file,) = cached_files(cache)
    file.write_bytes(file.read_bytes()[:-5] if damage is None else damage)
    assert np.array_equal(encode_cached(encoder, ["a", "b"]), first)
    assert len(encoder.asked) == 2
    encode_cached(encoder, ["a", "b"])
    assert len(encoder.asked) == 2


def test_a_file_of_another_shape_is_made_anew(cache):
    encoder = CountingEncoder()
    encode_cached(encoder, ["a", "b"])
    (file,) = cached_files(cache)
    np.save(file, np.zeros((2, 3), dtype=np.float32))
    assert encode_cached(encoder, ["a", "b"]).shape == (2, 8)


def test_no_space_for_vectors(monkeypatch, cache):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sources.os, "replace", refuse)
    with pytest.raises(DataError, match="no space is left"):
        encode_cached(HashEncoder(), ["a"])
    assert cached_files(cache) == []


def test_no_texts():
    assert encode_cached(HashEncoder(dimensions=8), []).shape == (0, 8)


def test_hash_vectors_have_unit_length():
    vectors = HashEncoder(dimensions=16).encode(["some words", "others"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])


def test_universal_sentence_encoder():
    reports = []
    encoder = UniversalSentenceEncoder(threads=1)
    vectors = encoder.encode(["hello there"] * 300, lambda done, total: reports.append((done, total)))
    assert vectors.shape == (300, encoder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(300), abs=1e-5)
    assert reports == [(256, 300), (300, 300)]
    assert encoder.name.startswith("use-multilingual-v3-")


@pytest.mark.parametrize("make", [lambda: HashEncoder(dimensions=0), lambda: UniversalSentenceEncoder(threads=0)])
def test_wrong_values(make):
    with pytest.raises(ConfigError, match="=0: give a number from 1 on"):
        make()
