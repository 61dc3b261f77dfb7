"""Masking: what must hold for any text, and that made-up values are in form and nobody's."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.filters.personal_data import PersonalData
from telos.corpus.personal_data import DEFAULT, PRECEDENCE, Recogniser, find, placeholder
from telos.corpus.personal_data._checksums import luhn, mod_11_2, mod_97
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._masking import Piece, replaced
from telos.corpus.texts import Texts

EVERY = {
    "url": "https://corp.com/a?b=1", "url_credentials": "https://bob:pw@corp.com",
    "secret": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "email": "bob@corp.com", "iban": "DE89 3704 0044 0532 0130 00", "resident_id": "11010519491231002X",
    "payment_card": "4111 1111 1111 1111",
    "ip_address": "58.74.121.78", "us_ssn": "531-21-7351", "passport": "护照E12345678", "phone": "+86 138-0013-8000",
}  # fmt: skip
MORE = ["电话", "13800138000", "（010）65529988", "１３８００１３８０００", "call ", "467 3395", "2001:4860:4001:801::1011",
"tel", " ", "\n", "/", "-", "(", "+",
        "[PHONE]", "[", "]", "20150101", "card 630427373398", "a@b.co@c.de", "é", "＠", "x" * 50,
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 64]  # fmt: skip
texts = st.lists(
    st.lists(st.one_of(st.sampled_from([*EVERY.values(), *MORE]), st.text(max_size=4)), max_size=12).map("".join), max_size=3
)
ALL = {"types": [k if k != "ip_address" else {"kind": k, "private": True} for k in PRECEDENCE]}
MASKS = [PersonalData(), PersonalData(replacement="pseudonym"), PersonalData(**ALL), PersonalData(replacement="pseudonym", **ALL)]


def masked(mask, documents):
    column = mask.judge(Texts.of(documents), {}).columns.get("text")
    return documents if column is None else column.to_pylist()


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from(MASKS))
def test_masking_twice_is_masking_once(documents, mask):
    once = masked(mask, documents)
    assert masked(mask, once) == once


@settings(max_examples=300, deadline=None)
@given(texts)
def test_what_lies_outside_of_the_spans_is_unchanged(documents):
    spans = find(documents)
    for row, (before, after) in enumerate(zip(documents, masked(MASKS[0], documents), strict=True)):
        made, done = [], 0
        for span in (span for span in spans if span.row == row):
            assert done <= span.start < span.end <= len(before)
            made += [before[done : span.start], placeholder(span.type)]
            done = span.end
        assert "".join([*made, before[done:]]) == after


@settings(max_examples=100, deadline=None)
@given(texts, st.sampled_from(MASKS))
def test_batches_do_not_matter(documents, mask):
    assert masked(mask, documents) == [masked(mask, [document])[0] for document in documents]


@settings(deadline=None)
@given(st.lists(st.text(), max_size=4), st.sampled_from(MASKS))
def test_any_unicode_passes(documents, mask):
    verdict = mask.judge(Texts.of(documents), {})
    assert not verdict.reasons.any()
    assert len(verdict.reasons) == len(documents)


@pytest.mark.data
def test_real_text_masked_twice(web, laws):
    for mask in MASKS[:2]:
        once = masked(mask, web)
        assert once != web
        assert masked(mask, once) == once
    assert masked(MASKS[0], laws) == laws  # laws name nobody


def test_a_slice_of_a_column_is_a_column_of_its_own():
    whole = Texts.of(["a@b.com", "no", "电话13800138000", "c@d.com"])
    part = Texts(whole.table.slice(1, 2))
    assert PersonalData().judge(part, {}).columns["text"].to_pylist() == ["no", "电话[PHONE]"]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=5),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=5),
)
def test_two_rounds_of_edits(first, second):
    """Pieces always tile the text as it was; where an edit takes in no earlier replacement the text is edited as plain bytes
    are."""
    original = bytes(range(65, 65 + 26))

    def apart(edits, text, made):
        chosen, done = [], 0
        for start, length in sorted(edits):
            if start >= done and start + length <= len(text):
                chosen.append((start, start + length, made, "t"))
                done = start + length
        return chosen

    now, pieces = original, [Piece(0, len(original))]
    for wanted, made in ((first, b"<>"), (second, b"{!}")):
        edits = apart(wanted, now, made)
        pieces = replaced(pieces, edits)
        assert [0, *(p.end for p in pieces)] == [*(p.start for p in pieces), len(original)]
        apart_from_earlier = not any(b"<" in now[a:b] or b">" in now[a:b] for a, b, _, _ in edits)
        for start, end, replacement, _ in reversed(edits):
            now = now[:start] + replacement + now[end:]
        if apart_from_earlier:
            assert b"".join(original[p.start : p.end] if p.made is None else p.made for p in pieces) == now


# -- made-up values -----------------------------------------------------------------------------------------------------


def made_up(kind, value, seed=0):
    recogniser = Recogniser.parse(kind)
    return recogniser.made_up(value, Draw(seed, kind, recogniser.identity(value)))


def test_they_keep_the_form():
    assert re.fullmatch(r"[a-z]{6}\.[0-9a-f]{6}@example\.com", made_up("email", "a@b.com"))
    card = made_up("payment_card", "4111 1111 1111 1111")
    assert re.fullmatch("00[0-9]{2} [0-9]{4} [0-9]{4} [0-9]{4}", card)
    assert luhn(card.replace(" ", ""))
    number = made_up("resident_id", "11010519491231002X")
    assert number[:6] == "990000"
    assert mod_11_2(number[:17]) == number[17]
    iban = made_up("iban", "DE89 3704 0044 0532 0130 00").replace(" ", "")
    assert (len(iban), iban[:2], mod_97(iban[4:] + iban[:4])) == (22, "XX", 1)
    assert re.fullmatch("G?[A-Z]000[0-9]{5}", made_up("passport", "E12345678"))
    assert made_up("us_ssn", "531-21-7351").startswith("000-")
    assert re.fullmatch(r"\([2-9][0-9]{2}\) 555-01[0-9]{2}", made_up("phone", "(415) 321-2671"))
    assert re.fullmatch(r"\+86 [0-9]{3}-[0-9]555-01[0-9]{2}", made_up("phone", "+86 138-0013-8000"))
    assert made_up("secret", EVERY["secret"])[:11] == "ghp_EXAMPLE"
    assert len(made_up("secret", EVERY["secret"])) == len(EVERY["secret"])


def test_the_same_value_gets_the_same_everywhere_and_others_others():
    mask = PersonalData(replacement="pseudonym")
    out = masked(
        mask, ["mail Bob@Corp.com, tel 13800138000", "bob@corp.com", "手机138-0013-8000", "手机+86 138 0013 8000", "eve@corp.com"]
    )
    address = out[1]
    assert out[0].startswith(f"mail {address}, tel ")
    digits = [re.sub("[^0-9]", "", text)[-11:] for text in (out[0].rpartition("tel")[2], out[2], out[3])]
    assert len(set(digits)) == 1
    assert out[4] != address
    assert masked(mask.replace(seed=1), ["bob@corp.com"]) != [address]


def test_a_made_up_chinese_number_is_in_no_plan():
    import phonenumbers

    for n in range(200):
        made = made_up("phone", f"138{n:08}")
        assert len(made) == 11
        assert not phonenumbers.is_valid_number(phonenumbers.parse(made, "CN")), made


@pytest.mark.parametrize("kind", DEFAULT)
def test_each_type_is_masked_with_its_placeholder(kind):
    out = masked(PersonalData(), [f"见 {EVERY[kind]} 。"])[0]
    assert placeholder(kind) in out
    assert masked(PersonalData(types=[kind]), [f"见 {EVERY[kind]} 。"]) == [out]
