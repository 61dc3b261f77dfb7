"""Payment cards: a generated set, forms, and what is none."""

import random
import re

import pytest

from telos.corpus.personal_data._checksums import luhn_digit
from telos.corpus.personal_data.payment_card import ISSUERS, issued

SENTENCES = (
    "Please charge {} today.",
    "卡号{}，请核对。",
    "银行卡：{}",
    "{}",
    "我的信用卡是{}已挂失",
    "pay with {}, thanks",
    "付款账户{}。",
)


def numbers(seed, right):
    """200 numbers of issuers' first digits and lengths, with the right check digit or another."""
    draw = random.Random(seed)
    for _ in range(200):
        first, lengths = draw.choice(ISSUERS)
        length = draw.choice(lengths)
        body = ""
        while not (body and re.match(first, body)):
            body = "".join(draw.choice("0123456789") for _ in range(length - 1))
            body = draw.choice(["4", "51", "2221", "37", "36", "6011", "3530", "1800", "62", "81", "5018", "2200", "60"]) + body
            body = body[: length - 1]
        check = luhn_digit(body)
        yield body + (check if right else draw.choice([d for d in "0123456789" if d != check]))


def test_recall_and_precision_on_the_generated_set(values):
    draw = random.Random(5)
    for number in numbers(1, True):
        assert issued(number)
        sentence = draw.choice(SENTENCES)
        assert values(sentence.format(number), "payment_card") == [("payment_card", number)], sentence
    for number in numbers(2, False):
        assert values(draw.choice(SENTENCES).format(number), "payment_card") == [], number


@pytest.mark.parametrize("number", [
    "4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005", "3056 930902 5904", "6222 0202 0011 2233 123"[:-4],
    "４１１１１１１１１１１１１１１１", "5555555555554444", "6011111111111117", "3530111333300000",
])  # fmt: skip
def test_the_groups_that_are_printed(values, number):
    if "6222" in number:
        body = re.sub(" ", "", number)[:-1]
        number = number[:-1] + luhn_digit(body)
    assert values(f"卡号 {number}。") == [("payment_card", number)]


@pytest.mark.parametrize("text", [
    "id=4111111111111111", "https://x.com/4111111111111111/a", "0.4111111111111111", "A4111111111111111", "4111111111111111_2",
    "ISBN 9780747542155 card", "1234567812345670", "00004111111111111"[:16] + " card", "4111 1111-1111 1111",
])  # fmt: skip
def test_what_is_none(values, text):
    assert values(text, "payment_card") == []


def test_an_identity_number_with_a_wrong_check_is_no_card(values):
    for number in (f"{65000019490101000 + n}" for n in range(1000)):
        digits = number + luhn_digit(number)
        assert not [kind for kind, _ in values(f"银行卡{digits}尾号") if kind == "payment_card"]


def test_other_lengths_need_a_word(values):
    assert values("number 630427373398", "payment_card") == []
    assert values("my card 630427373398", "payment_card") == [("payment_card", "630427373398")]
    assert values("阿兹卡班 630427373398", "payment_card") == []
