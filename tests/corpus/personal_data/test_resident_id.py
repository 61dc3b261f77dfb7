"""Chinese identity numbers: a generated set with right and wrong check characters, against a plain transcription of the
standard."""

import datetime
import random

import pytest

from telos.corpus.personal_data.resident_id import PROVINCES, valid

SENTENCES = ("身份证号{}。", "身份证：{}，电话13800138000", "持证人{}已核验", "ID {}", "（{}）", "号码是{}请保密")


def plain_valid(number):
    weights = [2 ** (17 - place) % 11 for place in range(17)]
    rest = sum(w * int(d) for w, d in zip(weights, number, strict=False)) % 11
    return number[17] == "10X98765432"[rest]


def numbers(seed, count=300):
    """Numbers with the right check character."""
    draw = random.Random(seed)
    for _ in range(count):
        day = datetime.date(1930, 1, 1) + datetime.timedelta(draw.randrange(33000))
        body = f"{draw.choice(sorted(PROVINCES))}{draw.randrange(10000):04}{day:%Y%m%d}{draw.randrange(1000):03}"
        yield next(body + check for check in "0123456789X" if plain_valid(body + check))


def test_recall_and_precision_on_the_generated_set(values):
    draw = random.Random(5)
    seen = set()
    for number in numbers(1):
        seen.add(number[-1])
        assert valid(number)
        sentence = draw.choice(SENTENCES)
        written = number if draw.random() < 0.8 else number.lower()
        assert ("resident_id", written) in values(sentence.format(written)), sentence
    assert seen == set("0123456789X")
    for number in numbers(2):
        wrong = number[:-1] + draw.choice([c for c in "0123456789X" if c != number[-1]])
        assert not valid(wrong)
        assert not [kind for kind, _ in values(draw.choice(SENTENCES).format(wrong)) if kind == "resident_id"], wrong


@pytest.mark.parametrize(
    "number", ["11010519491231002X", "440524188001010014", "110105 19491231 002X", "１１０１０５１９４９１２３１００２Ｘ"]
)
def test_forms(values, number):
    assert values(f"身份证{number}，") == [("resident_id", number)]


@pytest.mark.parametrize("text", [
    "990105194912310021", "11010519491331002X", "1101051949123100211", "A11010519491231002X", "110105194912310021",
])  # fmt: skip
def test_what_is_none(values, text):
    assert values(text, "resident_id") == []


def test_fifteen_digits_if_asked_for(values):
    old = {"kind": "resident_id", "old": True}
    assert values("身份证110105491231002。", old) == [("resident_id", "110105491231002")]
    assert values("身份证110105491231002。", "resident_id") == values("单号110105491231002。", old) == []
