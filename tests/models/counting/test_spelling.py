"""Words without white space, from any bytes and back."""

from hypothesis import example, given
from hypothesis import strategies as st

from telos.models.counting.spelling import RESERVED, spelled, spellings, unspelled
from telos.tokens.tokenizers.character import Character


@given(st.binary(max_size=12) | st.text(alphabet="<0x2>/s unk月\u3000\t", max_size=12).map(str.encode))
@example(b"<0x20>")
@example(b"<s>")
@example(b"\xe6\x9c")
def test_there_and_back_without_white_space(token: bytes):
    word = spelled(token)
    assert unspelled(word) == token
    assert not any(c.isspace() or not c.isprintable() for c in word)
    assert word not in RESERVED


def test_known_spellings():
    assert [spelled(t) for t in (b" the", "月光".encode(), b"\xe6", b"</s>", b"a<0x")] == [
        "<0x20>the", "月光", "<0xE6>", "<0x3C>/s>", "a<0x3C>0x"]  # fmt: skip


def test_every_token_of_a_tokenizer_has_a_word_of_its_own():
    words = spellings(Character().train(lambda: iter(["a a月"]), 5))
    assert words[32] == "<0x20><#32>"
    assert words[97] == "a<#97>"
    assert words[256:] == ["a", "<0x20>", "月", "</s>"]
    assert len(set(words)) == len(words)
