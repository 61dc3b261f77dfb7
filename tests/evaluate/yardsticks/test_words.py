"""Hidden words: what stands around them, what there is to choose from, and that nothing but texts and seed decides."""

import re
from collections import Counter

import pytest

from telos.evaluate.yardsticks._words import first_word, hidden_words, pieces
from telos.foundation.errors import TelosError

WORDS = [a + b for a in "abcdefghij" for b in "klmnopqrst"]
TEXT = ". ".join(f"The {WORDS[i % 100]} {WORDS[(i * i) % 100]} sees Anna, 猫看见狗" for i in range(300))
TEXTS = [TEXT[:6000], TEXT[6000:]]


def drawn(**changes):
    return hidden_words(TEXTS, (), **({"count": 80, "choices": 8, "characters": 40, "seed": 1} | changes))


def test_the_text_is_left_word_and_right():
    for word in drawn():
        document, start = map(int, word.name.split(":"))
        text = TEXTS[document]
        assert text[start:].startswith(word.word + word.right)
        assert text[:start].endswith(word.left)
        assert len(word.left) <= 40
        assert len(word.right) <= 40
        assert word.word.strip() == word.choices[word.answer].strip()
        assert re.fullmatch(r" ?([a-zA-Z]+|[猫看见狗])", word.word)


def test_there_are_as_many_different_choices_written_alike():
    for word in drawn(choices=6):
        assert len(set(word.choices)) == len(word.choices) == 6
        assert len({choice.startswith(" ") for choice in word.choices}) == 1
        assert len({choice.strip()[0].isupper() for choice in word.choices}) == 1


def test_how_frequent_a_word_is_tells_nothing():
    """Of words that are all equally frequent but two, the commonest choice is seldom the hidden one."""
    counts = Counter(re.findall(r"[a-zA-Z]+", " ".join(TEXTS)))
    found = [w for w in drawn(count=400, choices=10) if w.word.strip() in WORDS]
    best = [max(w.choices, key=lambda choice: counts[choice.strip()]) == w.word for w in found]
    assert len(best) > 100
    assert sum(best) / len(best) < 0.3


def test_choices_are_about_as_frequent_as_the_word():
    """The i-th of 90 words occurs 91 − i times: its choices are among those nearest, never the commonest of all."""
    names = WORDS[:90]
    text = " ".join(word for i, word in enumerate(names) for _ in range(90 - i))
    for word in hidden_words([text], (), count=60, choices=4, characters=9, seed=1):
        rank = names.index(word.word.strip())
        nearest = min(max(0, rank - 8), 90 - 16)
        assert all(nearest <= names.index(choice.strip()) <= nearest + 15 for choice in word.choices)


def test_the_answer_stands_at_any_place():
    places = Counter(word.answer for word in drawn(count=400, choices=4))
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) < 150


def test_seed_and_texts_decide():
    assert drawn() == drawn()
    assert drawn() != drawn(seed=2)
    assert len(drawn(count=7)) == 7
    names = {word.name.split(":")[0] for word in hidden_words(TEXTS, ("甲", "乙"), count=50, choices=2, characters=9, seed=1)}
    assert names == {"甲", "乙"}


def test_chinese_characters_are_words():
    text = "天地玄黄宇宙洪荒日月盈昃辰宿列张" * 3
    found = hidden_words([text], (), count=20, choices=5, characters=6, seed=1)
    assert all(len(word.word) == 1 for word in found)
    assert any(len(word.left) == len(word.right) == 6 for word in found)


def test_too_few_words_are_refused():
    with pytest.raises(TelosError) as error:
        hidden_words(["one two three. 1 2 3"], (), count=5, choices=4, characters=9, seed=1)
    assert error.value.must == "held-out texts must have at least 4 different words that are written alike"
    assert error.value.found == "3"


@pytest.mark.parametrize(("text", "word"), [
    (" cat sat", "cat"), ("cat.", "cat"), (" cat", None), ("猫", "猫"), (" 3 cats", None), ("", None), ("\ncat ", "cat"),
])  # fmt: skip
def test_the_first_word_of_what_was_written(text, word):
    assert first_word(text) == word


def test_words_marks_and_characters():
    assert pieces("Don't, 猫看3 times.") == ["Don", "'", "t", ",", "猫", "看", "3", "times", "."]
