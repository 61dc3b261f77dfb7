"""Bytes: the id is the byte's value, and the characters of the file are Hugging Face's."""

import numpy as np
from tokenizers import pre_tokenizers

from telos.tokens.byte_level import CHARACTERS, to_bytes


def test_id_is_the_byte(byte):
    np.testing.assert_array_equal(byte.encode("aé中"), list("aé中".encode()))
    assert byte.vocabulary.size_ordinary == byte.vocabulary.end_of_text == 256
    assert byte.token_bytes[:256] == [bytes([i]) for i in range(256)]


def test_parts_of_characters_decode_to_the_replacement_character(byte):
    ids = byte.encode("中a")
    assert byte.decode(ids[1:]) == "\ufffd\ufffda"
    assert byte.decode_bytes(ids[1:]) == "中a".encode()[1:]


def test_alphabet_agrees_with_hugging_face():
    assert sorted(CHARACTERS) == sorted(pre_tokenizers.ByteLevel.alphabet())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    text = "".join(map(chr, range(0x800))) + "中😀"
    written = "".join(word for word, _ in split.pre_tokenize_str(text))
    assert to_bytes(written) == text.encode()
    assert "".join(CHARACTERS[b] for b in text.encode()) == written
