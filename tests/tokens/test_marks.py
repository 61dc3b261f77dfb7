"""Marks of tokens: every tokenizer against a search by hand, known texts, a tokenizer from elsewhere that loses text."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telos.corpus import segmentation
from telos.corpus.segmentation import word_starts
from telos.corpus.sentences import sentence_starts
from telos.foundation.errors import TelosError
from telos.tokens.marks import SENTENCE, WORD, Marker
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.tokenizers.pretrained import Pretrained


def _by_hand(tokenizer, ids, text):
    """Byte by byte: which token holds it, and whether a word or sentence begins there."""
    begins = {len(text[:at].encode()): 0 for at in range(len(text))}
    for bit, starts in ((WORD, word_starts(text)), (SENTENCE, sentence_starts(text))):
        for at in starts:
            begins[len(text[:at].encode())] |= bit
    marks, byte = [], 0
    for i in ids:
        marks.append(0)
        for _ in tokenizer.token_bytes[i]:
            marks[-1] |= begins.get(byte, 0)
            byte += 1
    return marks


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(st.sampled_from("the was中华人民共和国 .,。！\n\U0001f600é'") | st.characters(codec="utf-8"), max_size=60))
def test_they_are_those_of_a_search_by_hand(tokenizer, text):
    ids = tokenizer.encode(text)
    marks = Marker(tokenizer)(ids, text)
    assert marks.dtype == np.uint8
    assert marks.tolist() == _by_hand(tokenizer, ids, text)


def test_known_texts(tokenizer, texts):
    marker = Marker(tokenizer)
    for text in texts:
        ids = tokenizer.encode(text)
        assert marker(ids, text).tolist() == _by_hand(tokenizer, ids, text)


def test_bytes_of_a_word_are_marked_at_its_first(byte):
    text = "It was. 人民好"
    marks = Marker(byte)(byte.encode(text), text)
    #  I t _ w a s . _ 人     民     好
    assert marks.tolist() == [3, 0, 0, 1, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0]


def test_a_tokenizer_that_loses_text_marks_what_it_has(tmp_path):
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

    words = {word: i for i, word in enumerate(["[UNK]", "it", "was", "he", "."])}
    backend = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    backend.normalizer = normalizers.Sequence([normalizers.Replace("lost", ""), normalizers.Lowercase()])
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.add_special_tokens([AddedToken("</s>", special=True)])
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Pretrained(path=str(tmp_path)).train(lambda: iter(()), 0)
    text = "It was strange.\n\nHe was. lost"
    ids = tokenizer.encode(text)
    assert Marker(tokenizer)(ids, text).tolist() == [3, 1, 1, 1, 3, 1, 1]


def test_no_tokens_have_no_marks(byte):
    assert Marker(byte)(byte.encode(""), "").tolist() == []
    assert Marker(byte)(byte.encode(" "), " ").tolist() == [0]


def test_chinese_without_jieba_is_refused_by_name_and_other_text_needs_none(byte, monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    segmentation.jieba.cache_clear()
    try:
        with pytest.raises(TelosError) as error:
            Marker(byte)(byte.encode("中文"), "中文")
        assert Marker(byte)(byte.encode("it was"), "it was").tolist() == [3, 0, 0, 1, 0, 0]
    finally:
        segmentation.jieba.cache_clear()
    assert error.value.must == "segmentation of Chinese needs the Python package 'jieba'"
    assert error.value.fix.endswith(".[corpus]'")


def test_lone_surrogates_are_one_character_of_three_bytes(byte):
    text = replace_surrogates("a\ud800b c")
    assert Marker(byte)(byte.encode(text), text).tolist()[-1] == WORD
