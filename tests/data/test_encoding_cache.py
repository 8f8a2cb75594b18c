"""The cache of encoded texts: vectors and counts are made once, read again, and made anew where they are damaged."""

import errno

import numpy as np
import pytest

from seedbed.data import sources
from seedbed.data.encoders import HashEncoder, notes_on_cut
from seedbed.data.encoding_cache import counts_of, encode_cached
from seedbed.errors import DataError
from tests.data.conftest import cached_files

pytestmark = pytest.mark.usefixtures("cache")


class CountingEncoder(HashEncoder):
    """Remembers what it was asked to encode."""

    def __init__(self) -> None:
        super().__init__(dimensions=8)
        self.asked: list[list[str]] = []

    def encode(self, texts, progress=None):
        self.asked.append(list(texts))
        return super().encode(texts, progress)


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


class Short(CountingEncoder):
    """Reads three letters."""

    counted = 0

    def counts(self, texts):
        self.counted += 1
        return {"cut_after_3_letters": sum(len(text) > 3 for text in texts)}


def test_cut_texts_are_counted_once_for_texts_and_said():
    encoder, texts = Short(), ["a", "abcd", "abcde"]
    assert counts_of(encoder, texts) == counts_of(encoder, texts) == {"cut_after_3_letters": 2}
    assert encoder.counted == 1
    assert counts_of(encoder, ["a"]) == {"cut_after_3_letters": 0}
    assert notes_on_cut(counts_of(encoder, texts), 3) == [
        "2 of 3 texts are longer than the encoder reads: they are cut after 3 letters."
    ]
    assert notes_on_cut({"cut_after_3_letters": 0, "others": 4}, 3) == []
    assert counts_of(HashEncoder(), texts) == {}


@pytest.mark.parametrize("damage", ["", "[1]", '{"a": "b"}'])
def test_damaged_counts_are_made_anew(cache, damage):
    counts_of(Short(), ["abcd"])
    (file,) = cached_files(cache)
    file.write_text(damage)
    assert counts_of(Short(), ["abcd"]) == {"cut_after_3_letters": 1}
