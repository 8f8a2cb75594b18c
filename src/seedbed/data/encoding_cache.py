"""Vectors and counts that fixed encoders have given of a list of texts, kept in the cache."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seedbed.data.dry import Ahead, DryRun, current
from seedbed.data.encoders import Encoder, FittedEncoder, SentenceEncoder
from seedbed.data.sources import cache_dir, write_atomically
from seedbed.data.table import Progress, group_numbers


def encode_cached(encoder: SentenceEncoder, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
    """Encode texts, or read what an earlier call with the same encoder and texts has written; (n, F) float32.

    Equal texts are encoded once. A cache file that cannot be read or does not fit is made anew.
    Raises ``DataError`` when the cache cannot be written.
    """
    distinct = list(dict.fromkeys(texts))
    path = _vector_file(encoder, distinct)
    vectors = _read_vectors(path, (len(distinct), encoder.dimensions))
    if vectors is None and (dry := current()) is not None:
        vectors = _of_some(encoder, distinct, dry)
    elif vectors is None:
        vectors = np.asarray(encoder.encode(distinct, progress), dtype=np.float32)
        fresh = vectors
        write_atomically(path, lambda part: np.save(part, fresh, allow_pickle=False))
    return vectors.take(group_numbers(texts), axis=0)


SOME, TOGETHER = 256, 64
"""Texts that a dry run encodes, and how many of them follow one another: an encoder may save what neighbours share."""


def _of_some(encoder: SentenceEncoder, texts: Sequence[str], dry: DryRun) -> np.ndarray:
    """In a dry run vectors of the right form, (n, F): those of a few texts, again and again; notes what all would take."""
    places = max(1, SOME // TOGETHER)
    starts = [len(texts) * place // places for place in range(places)]
    each = SOME // places
    some = texts if len(texts) <= SOME else [text for start in starts for text in texts[start : start + each]]
    start = time.perf_counter()
    encoder.encode(some[:1])  # which may load a model
    loaded = time.perf_counter()
    vectors = np.asarray(encoder.encode(some), dtype=np.float32)
    end = time.perf_counter()
    seconds = loaded - start + (end - loaded) * len(texts) / max(len(some), 1)
    dry.ahead.append(Ahead(f"vectors of {len(texts):,} texts by {encoder.name}", seconds, end - start))
    return vectors.take(np.arange(len(texts)) % max(len(some), 1), axis=0)


def counts_of(encoder: Encoder, texts: Sequence[str]) -> dict[str, int]:
    """What an encoder counts of texts, whatever it is fitted to; kept beside the vectors, since counting may take a model."""
    if isinstance(encoder, FittedEncoder):
        return encoder.counts(texts)
    if not hasattr(encoder, "counts"):
        return {}
    path = _vector_file(encoder, list(texts)).with_suffix(".json")
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(kept, dict) and all(isinstance(count, int) for count in kept.values()):
            return kept
    except (OSError, ValueError):
        pass
    counts: dict[str, int] = encoder.counts(texts)

    def write(part: Path) -> None:
        part.write_text(json.dumps(counts), encoding="utf-8")

    if current() is None:
        write_atomically(path, write)
    return counts


def _vector_file(encoder: SentenceEncoder, texts: list[str]) -> Path:
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    return cache_dir() / "vectors" / encoder.name / f"{digest}.npy"


def _read_vectors(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    try:
        vectors = np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None
    fits = vectors.shape == shape and vectors.dtype == np.float32
    return vectors if fits and np.isfinite(vectors).all() else None
