"""Byte-pair encoding: merges equal Hugging Face's, limits hold, sizes are exact."""

import json
import random

import pytest
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend

from telos.foundation.errors import SpecError, TelosError
from telos.tokens.byte_level import CHARACTERS
from telos.tokens.pretokenize import PATTERN, count_han
from telos.tokens.tokenizers.bpe import BPE, COMMON, common_characters, fitting_size


def reference(texts: list[str], ordinary: int, min_frequency: int) -> Backend:
    """Trained by Hugging Face alone, with the pattern."""
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=ordinary, min_frequency=min_frequency, show_progress=False, initial_alphabet=sorted(CHARACTERS)
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def merges(content: str) -> list[list[str]]:
    return json.loads(content)["model"]["merges"]


@pytest.mark.parametrize(
    "changed",
    [{}, {"vocab_size": 345}, {"min_frequency": 1}, {"min_frequency": 3, "vocab_size": 280}, {"max_han_per_token": 50}],
)
def test_unlimited_training_equals_hugging_face(make, texts, changed):
    spec = BPE(**({"vocab_size": 320, "max_han_per_token": None, "max_han_run": None} | changed))
    trained = make(spec, texts)
    expected = reference(texts, spec.vocab_size - 1, spec.min_frequency)
    assert merges(trained.content) == merges(expected.to_str())
    for text in texts:
        tokens = [expected.id_to_token(i) for i in expected.encode(text).ids]
        assert [trained.backend.id_to_token(int(i)) for i in trained.encode(text)] == tokens


def test_english_is_the_same_with_the_default_limits(make, texts):
    english = [text for text in texts if text.isascii()]
    limited, unlimited = (make(BPE(vocab_size=280, **s), english) for s in ({}, {"max_han_per_token": None, "max_han_run": None}))
    assert limited.content == unlimited.content


def clauses(count: int) -> list[str]:
    """Made of a phrase of 7 Han characters in which everything stands together, between random ones."""
    draw = random.Random(1)
    return ["中华人民共和国" + "".join(draw.choices("甲乙丙丁戊己庚辛", k=3)) + "，" for _ in range(count)]


@pytest.mark.parametrize("most", [2, 4])
def test_no_token_has_more_han_characters_than_allowed(make, most):
    trained = make(BPE(vocab_size=340, max_han_per_token=most), clauses(300))
    lengths = [count_han(token.decode(errors="ignore")) for token in trained.token_bytes]
    assert max(lengths) == most
    assert trained.vocabulary.size == 340


def test_without_the_limit_tokens_are_longer(make):
    trained = make(BPE(vocab_size=340, max_han_per_token=None), clauses(300))
    assert max(count_han(token.decode(errors="ignore")) for token in trained.token_bytes) > 5


def test_learning_goes_on_when_most_merges_were_too_long(make, monkeypatch):
    monkeypatch.setattr("telos.tokens.tokenizers.bpe.FIRST_ROOM", 1.0)
    asked = []
    learn = BPE._learn
    monkeypatch.setattr(BPE, "_learn", lambda self, *rest: asked.append(rest[-1]) or learn(self, *rest))
    trained = make(BPE(vocab_size=340, max_han_per_token=2), clauses(300))
    assert len(asked) == 2
    assert trained.vocabulary.size == 340


def test_runs_of_han_are_cut_for_learning_only(make):
    texts = ["甲乙丙丁戊己庚辛" * 2] * 5
    cut, whole = (
        make(BPE(vocab_size=size, max_han_run=run, max_han_per_token=None), texts) for size, run in ((259, 1), (259, None))
    )
    assert json.loads(cut.content)["pre_tokenizer"] == json.loads(whole.content)["pre_tokenizer"]
    with pytest.raises(TelosError, match="supports"):
        make(BPE(vocab_size=300, max_han_run=1, max_han_per_token=None), texts)
    assert max(len(token) for token in make(BPE(vocab_size=275, max_han_run=2), texts).token_bytes) <= 6


@pytest.mark.parametrize("size", [258, 300, 345])
def test_vocab_size_counts_everything(make, texts, size):
    trained = make(BPE(vocab_size=size), texts)
    assert trained.vocabulary.size == trained.backend.get_vocab_size() == size
    assert trained.vocabulary.end_of_text == size - 1
    assert trained.token_bytes[:256] == [bytes([value]) for value in range(256)]


def test_a_vocabulary_larger_than_the_text_supports_says_what_it_supports(make, texts):
    with pytest.raises(TelosError) as error:
        make(BPE(vocab_size=4096), texts)
    supported = int(error.value.found.split()[3])
    assert error.value.must == "a vocabulary of 4096 tokens needs a text that supports it"
    assert error.value.found == f"this text supports {supported} (pairs that stand 2 times or more)"
    assert error.value.fix == f"set tokenizer.vocab_size={supported} or add text"
    assert make(BPE(vocab_size=supported), texts).vocabulary.size == supported


@pytest.mark.parametrize("least", [1, 2, 3, 4])
def test_min_frequency_bounds_the_vocabulary_as_in_hugging_face(make, texts, least):
    supported = reference(texts, 100_000, least).get_vocab_size() + 1
    spec = BPE(vocab_size=100_000, min_frequency=least, max_han_per_token=None, max_han_run=None)
    with pytest.raises(TelosError, match=rf"supports {supported} \(pairs that stand {least} times"):
        make(spec, texts)


def test_an_empty_text_supports_no_merge(make):
    with pytest.raises(TelosError, match="this text supports 257"):
        make(BPE(vocab_size=258), [])


def test_too_small_a_vocabulary_is_refused():
    with pytest.raises(SpecError, match="vocab_size"):
        BPE(vocab_size=257)


def test_more_text_than_is_allowed_is_sampled_by_content(make):
    lines = [f"第{i}条 国家 article {i}。" for i in range(2_000)]
    total = sum(len(line.encode()) for line in lines)
    spec = BPE(vocab_size=270, max_learning_bytes=total // 4)

    def taken(texts: list[str]) -> list[str]:
        return [piece for piece, _, kept in spec._pieces(lambda: iter(texts), total) if kept]

    chosen = taken(lines)
    assert 0.2 < sum(len(piece.encode()) for piece in chosen) / total < 0.3
    assert sorted(taken(lines[::-1])) == sorted(chosen)
    assert make(spec, lines).content == make(BPE(vocab_size=270), chosen).content
    assert [kept for *_, kept in BPE(max_learning_bytes=total)._pieces(lambda: iter(lines), total)] == [True] * 2_000


def test_sizes_are_written_as_people_do():
    assert BPE(max_learning_bytes="24 MB").max_learning_bytes == 24_000_000
    with pytest.raises(SpecError, match="must be a size"):
        BPE(max_learning_bytes="many")


@pytest.mark.data
def test_chinese_laws(make, shared_data):
    import gzip

    with gzip.open(shared_data / "zh-laws" / "national.jsonl.gz") as file:
        laws = [json.loads(line)["text"] for _, line in zip(range(60), file, strict=False)]
    trained = make(BPE(vocab_size=2000), laws)
    assert max(count_han(token.decode(errors="ignore")) for token in trained.token_bytes) == 4
    encoded = trained.encode_batch(laws)
    assert [trained.decode(ids) for ids in encoded] == laws
    for text, ids in zip(laws[:5], encoded, strict=False):  # in pieces and whole
        assert trained.backend.encode(text, add_special_tokens=False).ids == ids.tolist()
    assert sum(map(len, encoded)) < sum(map(len, laws)) * 0.75


def test_without_a_size_the_vocabulary_fits_the_text(make):
    assert [fitting_size(n) for n in (0, 1_999_999, 2_000_000, 12_000_000, 10**10)] == [258, 258, 1024, 4096, 4096]
    assert [fitting_size(n, 900) for n in (1_800_000, 2_000_000, 12_000_000)] == [1158, 1924, 4096]
    assert make(BPE(), ["ab ab ab 语言 语言"]).vocabulary.size == 258
    least = make(BPE(), ["abc"])
    assert least.vocabulary.size == 257, "a text that supports no more gets what it supports"
    assert least.decode(least.encode("abc")) == "abc"


def test_characters_of_several_bytes_have_room_in_the_vocabulary_of_a_small_text(make, capsys):
    """Chinese of the same size as English must not be spelt in bytes."""
    poem = "床前明月光疑是地上霜举头望明月低头思故乡"
    assert common_characters([poem * COMMON, "é" * (COMMON - 1), "abc" * COMMON]) == len(set(poem))
    chinese, english = make(BPE(), [poem * COMMON]), make(BPE(), ["the quick brown fox " * COMMON])
    assert (chinese.vocabulary.size, english.vocabulary.size) == (258 + len(set(poem)), 258)
    said = capsys.readouterr().err
    assert "vocabulary: 275 tokens for 3.84 kB of text; tokenizer.vocab_size=… sets another\n" in said
    make(BPE(vocab_size=258), [poem])
    assert "vocabulary:" not in capsys.readouterr().err


def test_classes_get_words_however_small_the_text():
    texts = ["how many people live there", "what is a people", "who lives how and what"]
    plain, labels = (train(lambda: iter(texts), 100) for train in (BPE().train, BPE().train_for_labels))
    assert plain.vocabulary.size == 258
    assert len(labels.encode(" people")) < len(plain.encode(" people"))
    assert BPE(vocab_size=260).train_for_labels(lambda: iter(texts), 100).vocabulary.size == 260
