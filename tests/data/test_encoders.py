"""Sentence encoders."""

import os
import random
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seedbed.data import encoders, universal_sentence_encoder
from seedbed.data.encoders import (
    HashEncoder,
    SentenceTransformerEncoder,
    TfidfEncoder,
    UniversalSentenceEncoder,
)
from seedbed.data.encoding_cache import encode_cached
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.augmenters import WordChanges
from tests.data.conftest import cached_files

pytestmark = pytest.mark.usefixtures("cache")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_hash_vectors_have_unit_length():
    vectors = HashEncoder(dimensions=16).encode(["some words", "others"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])


@pytest.fixture(scope="module")
def universal():
    return UniversalSentenceEncoder(threads=1)


@pytest.mark.slow
def test_universal_sentence_encoder(universal):
    reports = []
    vectors = universal.encode(["hello there"] * 300, lambda done, total: reports.append((done, total)))
    assert vectors.shape == (300, universal.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(300), abs=1e-5)
    assert reports == [(256, 300), (300, 300)]
    assert universal.name.startswith("use-multilingual-v3-")
    assert universal.encode([]).shape == (0, 512)


MESSAGES = [
    "Free entry in 2 a wkly comp to win FA Cup final tkts 21st May 2005. Text FA to 87121 to receive entry question",
    "URGENT! You have won a 1 week FREE membership in our £100,000 Prize Jackpot! Txt the word: CLAIM to No: 81010",
    "Heeeeey!!!! hahahaha aaaaaa xxxx",
    "Ok lar... Joking wif u oni...",
]
UNUSUAL = [
    "",
    " ",
    "a",
    "…",
    "ＦＲＥＥ  prize\t\nnow",
    "e\u0301 \u0301e",
    "▁▁ a▁b",
    "今天天气很好",
    "😀👨‍👩",
    "\x00",
    "word " * 60,
]


@pytest.fixture(scope="module")
def texts():
    """Messages and changed copies of them, more than a batch, and texts that a tokenizer may take otherwise."""
    changed = WordChanges(operations=["word_swap", "word_deletion", "word_repetition", "keyboard_typo"])
    copies = [changed(text, random.Random(number)) for text in MESSAGES for number in range(60)]
    return [*MESSAGES, *copies, *UNUSUAL]


@pytest.mark.slow
def test_vectors_are_those_of_the_package(universal, texts):
    model = universal._model
    for text in texts:
        assert model.tokens(text) == model.package.sp.encode(text), text
    expected = model.package.encode(texts)
    assert np.abs(universal.encode(texts) - expected).max() < 1e-6
    assert np.abs(np.concatenate([universal.encode([text]) for text in texts[-14:]]) - expected[-14:]).max() < 1e-6


@pytest.mark.slow
def test_more_windows_than_a_number_can_name_at_once(universal, texts, monkeypatch):
    expected = universal.encode(texts)
    monkeypatch.setattr(universal_sentence_encoder, "_LARGEST", 2**25)
    assert np.abs(universal.encode(texts) - expected).max() < 1e-6


@pytest.mark.slow  # loads the model
def test_what_texts_share_is_computed_once(universal, monkeypatch):
    rows = []

    def counted(given, *args):
        rows.append(len(given.rows))
        return convolved(given, *args)

    convolved = universal_sentence_encoder._convolved
    monkeypatch.setattr(universal_sentence_encoder, "_convolved", counted)
    universal.encode(MESSAGES[:1] * 50)
    assert max(rows) == len(universal._model.tokens(MESSAGES[0])) + 1


@pytest.mark.parametrize("make", [lambda: HashEncoder(dimensions=0), lambda: UniversalSentenceEncoder(threads=0)])
def test_wrong_values(make):
    with pytest.raises(ConfigError, match=r"=0: give a (whole )?number from 1"):
        make()


# ---- TF-IDF ----------------------------------------------------------------------------------------------------------


def test_tfidf_weighs_the_words_of_the_texts_it_was_fitted_to():
    encoder = TfidfEncoder(max_features=4)
    encode = encoder.fit(["Red apple", "red pear"])
    vectors = encode(["red", "APPLE", "plum"], None)
    assert (vectors.shape, vectors.dtype, encoder.dimensions) == ((3, 4), np.float32, 4)
    assert vectors.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert encode([], None).shape == (0, 4)


def test_tfidf_settings():
    encode = TfidfEncoder(ngram_range=[1, 2], min_df=2, lowercase=False).fit(["Red apple pie", "Red apple", "red"])
    assert np.count_nonzero(encode(["Red apple pie red"], None)) == 3, "Red, apple and Red apple are in two texts"


@pytest.mark.parametrize(
    ("settings", "texts", "said"),
    [
        ({"min_df": 2}, ["ab", "cd"], r"2 training texts.*: none is in data\.encoder\.min_df=2 of them\. Lower"),
        ({}, ["a", "b", "1"], r"two or more letters or digits .* such as 'a', 'b', '1' have none.*token_pattern.*analyzer=char_wb"),
        ({"token_pattern": "x+"}, ["aa"], r"a match of data\.encoder\.token_pattern for a word, and texts such as 'aa'"),
        ({"ngram_range": [2, 3]}, ["aa"], r"none has the 2 words of data\.encoder\.ngram_range=\[2,3\]\. Begin with fewer, \[1,3\]"),
    ],
)  # fmt: skip
def test_tfidf_without_a_term(settings, texts, said):
    with pytest.raises(DataError, match=said):
        TfidfEncoder(**settings).fit(texts)


@pytest.mark.parametrize("settings", [{"token_pattern": r"\w+"}, {"analyzer": "char_wb"}, {"analyzer": "char"}])
def test_what_is_advised_for_single_characters_helps(settings, tmp_path):
    encoder = TfidfEncoder(**settings)
    fitted = encoder.fit(["a", "b", "1"])
    assert encoder.known(fitted, ["a", "1"]).all()
    encoder.save(fitted, tmp_path)
    assert np.array_equal(encoder.load(tmp_path)(["b", "a"], None), fitted(["b", "a"], None))


def test_texts_of_which_an_encoder_knows_nothing():
    encoder = TfidfEncoder()
    assert encoder.known(encoder.fit(["red apple"]), ["apple", "pear", "a", ""]).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ({"analyzer": "letters"}, "analyzer"),
        ({"token_pattern": "("}, "token_pattern"),
        ({"token_pattern": "(a)(b)"}, "token_pattern"),
        ({"token_pattern": 3}, "token_pattern"),
        ({"token_pattern": "a", "analyzer": "char"}, "token_pattern"),
    ],
)
def test_wrong_tfidf_words(setting, key):
    with pytest.raises(ConfigError, match=f"data.encoder.{key}="):
        TfidfEncoder(**setting)


@pytest.mark.parametrize(
    "setting", [{"max_features": 0}, {"ngram_range": [2, 1]}, {"ngram_range": [1]}, {"min_df": -1}, {"min_df": 1.5}]
)
def test_wrong_tfidf_settings(setting):
    with pytest.raises(ConfigError, match=f"data.encoder.{next(iter(setting))}="):
        TfidfEncoder(**setting)


# ---- texts longer than an encoder reads ------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "counts"), [(4, {"cut_after_4_tokens": 1}), (None, {}), (float("inf"), {})])
def test_a_sentence_transformer_counts_tokens_and_not_words(monkeypatch, limit, counts):
    """As Hugging Face's tokenizers are called; two of the tokens are those of beginning and end."""

    def tokens(texts, *, truncation, verbose):
        assert not truncation
        return {"input_ids": [[0, *range(len(text.split())), 0] for text in texts]}

    monkeypatch.setattr(encoders, "find_spec", lambda _: True)
    encoder = SentenceTransformerEncoder(model="tiny")
    encoder.__dict__["_loaded"] = SimpleNamespace(max_seq_length=limit, tokenizer=tokens)
    assert encoder.counts(["one two", "one two three", "one"] * 1) == counts


@pytest.mark.slow
@pytest.mark.parametrize(("given", "expected"), [(None, 3), (2, 2)])
def test_threads_share_the_batches(universal, texts, monkeypatch, given, expected):
    asked = []
    pool = universal_sentence_encoder.ThreadPoolExecutor
    monkeypatch.setattr(
        universal_sentence_encoder,
        "ThreadPoolExecutor",
        lambda threads, name: asked.append(threads) or pool(threads, name),
    )
    monkeypatch.setattr("seedbed.threads.available_cores", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    made = universal._model.encode(texts * 2, given)
    assert asked == [expected]
    assert np.array_equal(made, universal.encode(texts * 2))


# ---- sentence-transformers -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    """A model of random word vectors, as a folder."""
    package = pytest.importorskip("sentence_transformers", reason="the extra sentence-transformers is not installed")
    models, tokenizers = map(pytest.importorskip, ("sentence_transformers.models", "tokenizers"))
    words = {"[UNK]": 0, "win": 1, "prize": 2, "lunch": 3}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    embedding = models.StaticEmbedding(tokenizer, embedding_dim=6)
    package.SentenceTransformer(modules=[embedding], device="cpu").save(str(folder))
    return folder


def test_a_sentence_transformer_from_a_folder(tiny_model, cache):
    encoder = SentenceTransformerEncoder(model=str(tiny_model), device="cpu", batch_size=2)
    reports = []
    texts = ["win prize", "lunch", "win", "lunch"]
    vectors = encode_cached(encoder, texts, lambda done, total: reports.append((done, total)))
    assert (vectors.shape, vectors.dtype, encoder.dimensions) == ((4, 6), np.float32, 6)
    assert np.array_equal(vectors[1], vectors[3])
    assert np.allclose(vectors[:3], encoder.encode(["win prize", "lunch", "win"]))
    assert not np.allclose(vectors[0], vectors[1])
    assert reports == [(3, 3)]
    assert cached_files(cache)[0].parent.name == encoder.name


def test_the_name_of_a_folder_says_which_weights_it_holds(tiny_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "tiny")
    name = SentenceTransformerEncoder(model=str(tiny_model)).name
    assert SentenceTransformerEncoder(model=str(copy)).name == name
    (weights,) = copy.rglob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert SentenceTransformerEncoder(model=str(copy)).name != name


def test_a_model_on_the_hub_is_named_by_its_commit(tiny_model, tmp_path):
    """A cache as the hub's client leaves it; nothing is asked of the network."""
    hub = pytest.importorskip("huggingface_hub")
    folder = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(tiny_model, folder / "snapshots" / COMMIT)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    script = (
        "from seedbed.data.encoders import SentenceTransformerEncoder as Encoder\n"
        "encoder = Encoder(model='someone/tiny', device='cpu')\n"
        "print(encoder.name, encoder.encode(['win']).shape)"
    )
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"someone--tiny-{COMMIT}-sentence-transformers-"), (done.stderr, hub.__version__)
    assert done.stdout.endswith("(1, 6)\n")


def test_a_model_that_cannot_be_had(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    pytest.importorskip("sentence_transformers", reason="the extra sentence-transformers is not installed")

    def refuse(*_, **__):
        raise hub.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(hub, "hf_hub_download", refuse)
    with pytest.raises(DataError, match=r"data\.encoder\.model=sentence-transformers/tiny.*no connection.*=FOLDER"):
        _ = SentenceTransformerEncoder(model="tiny").name


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(encoders, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'seedbed\[sentence-transformers\]'"):
        SentenceTransformerEncoder()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"model": "./nowhere"}, "no such folder"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"model": ".", "revision": "main"}, "is a folder"),
    ],
)
def test_wrong_sentence_transformer_settings(monkeypatch, setting, message):
    monkeypatch.setattr(encoders, "find_spec", lambda _: True)
    with pytest.raises(ConfigError, match=message):
        SentenceTransformerEncoder(**setting)
