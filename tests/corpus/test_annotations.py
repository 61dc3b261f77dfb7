"""Numbers, tags of words, questions and answers: read from each format, joined to texts, moved with them, refused by name."""

import json

import pytest

from telos.corpus.annotations import joined, tagged, words_of
from telos.corpus.engines.native import Native
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError


def read(path, **settings):
    source = Files(path, **settings)
    return [raw for item in source.inputs() for raw in source.read(item)]


def lines(*rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "number"), [(3, 3.0), ("2.5", 2.5), (" -1e-3 ", -0.001), (None, None), ("", None)])
def test_a_value_is_a_number(fill, value, number):
    (raw,) = read(fill("t", {"a.jsonl": lines({"text": "x", "score": value})}), value_field="score")
    assert raw.metadata == ({} if number is None else {"value": number})


@pytest.mark.parametrize("value", ["high", True, [1], "nan", "inf"])
def test_what_is_no_number_is_refused(fill, value):
    with pytest.raises(TelosError) as error:
        read(fill("t", {"a.jsonl": lines({"text": "x", "score": value})}), value_field="score")
    assert error.value.must.endswith("a.jsonl:1 must have a number for its value")
    assert "corpus.value_field=NAME" in error.value.fix


def test_a_table_with_numbers(fill):
    found = read(fill("t", {"a.csv": "text,score\n好,1.5\nbad,-2\n"}), value_field="score")
    assert [(raw.text, raw.metadata["value"]) for raw in found] == [("好", 1.5), ("bad", -2.0)]
    with pytest.raises(TelosError) as error:
        read(fill("t", {"a.csv": "text,score\n好,1.5\n"}), value_field="stars")
    assert "must have the field 'stars'" in error.value.must
    assert "corpus.value_field=NAME" in error.value.fix


# -- tags -------------------------------------------------------------------------------------------------------------

WORDS, TAGS = ["张三", "在", "New", "York", "工作", "。"], ["B-PER", "O", "B-LOC", "I-LOC", "O", "O"]
TEXT = "张三在 New York 工作。"


def test_words_are_joined_as_their_scripts_are_written():
    assert joined(WORDS)[0] == TEXT
    assert joined(["나는", "간다"])[0] == "나는 간다", "Korean has spaces"
    assert joined(["Tokyo", "東京", "tower"])[0] == "Tokyo 東京 tower"


def of(raw):
    return raw.text, [(raw.text[one["start"] : one["end"]], one["tag"]) for one in raw.metadata["tags"]]


FORMATS = {
    "a.jsonl": lines({"tokens": WORDS, "ner": TAGS}),
    "a.json": json.dumps([{"tokens": WORDS, "ner": TAGS}]),
    "a.conll": "-DOCSTART- O\n\n" + "".join(f"{word} {tag}\n" for word, tag in zip(WORDS, TAGS, strict=True)) + "\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_word_has_its_tag(fill, name):
    settings = {"columns": ["tokens", "ner"]} if name == "a.conll" else {}
    (raw,) = read(fill("t", {name: FORMATS[name]}), text_field="tokens", tags_field="ner", **settings)
    assert of(raw) == (TEXT, list(zip(WORDS, TAGS, strict=True)))


def test_a_table_has_words_and_tags_as_texts(fill):
    (raw,) = read(fill("t", {"a.csv": "text,tags\nEU rejects  German calls,B-ORG O B-MISC O\n"}), tags_field="tags")
    assert of(raw) == ("EU rejects  German calls", [("EU", "B-ORG"), ("rejects", "O"), ("German", "B-MISC"), ("calls", "O")])


def test_conll_of_four_columns(fill):
    text = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n"
    one, two = read(fill("t", {"a.conll": text}), tags_field="tags")
    assert (of(one)[1], of(two)[1]) == ([("EU", "B-ORG"), ("rejects", "O")], [("Peter", "B-PER")])
    assert (one.place, two.place) == (1, 4)
    named = read(fill("t", {"a.conll": text}), columns=["w", "pos", "chunk", "ner"], text_field="w", tags_field="pos")
    assert of(named[0])[1] == [("EU", "NNP"), ("rejects", "VBZ")]
    assert read(fill("t", {"a.conll": text}))[0].metadata == {}, "it is text, too"


def test_conll_that_is_broken(fill):
    with pytest.raises(TelosError) as error:
        read(fill("t", {"a.conll": "EU B-ORG\nrejects\n"}), tags_field="tags")
    assert (error.value.must.rpartition("/")[2], error.value.found) == (
        "a.conll:2 must have 2 columns, as the lines before it", "1")  # fmt: skip
    with pytest.raises(TelosError) as error:
        read(fill("t", {"a.conll": "EU B-ORG\n"}), text_field="w", tags_field="tags")
    assert "must have the column 'w'" in error.value.must


@pytest.mark.parametrize(("text", "words"), [
    ("Don't go to St. John's, please!", ["Don't", "go", "to", "St", ".", "John's", ",", "please", "!"]),
    ("我在New York工作3.5年。", ["我", "在", "New", "York", "工", "作", "3.5", "年", "。"]),
    ("  snake_case — x", ["snake", "_", "case", "—", "x"]),
    ("", []),
])  # fmt: skip
def test_words_of_a_text_that_nobody_has_parted(text, words):
    assert [text[a:b] for a, b in words_of(text)] == words


def test_spans_of_a_text_make_tags(fill):
    text = "张三在New York，call Ann Lee."
    spans = [{"entity_type": "PER", "start_position": 0, "end_position": 2},
             {"label": "LOC", "start": 3, "end": 11},
             {"label": "PER", "start": text.index("Ann"), "end": len(text) - 1},
             {"label": "X", "start": 4, "end": 6}]  # fmt: skip
    (raw,) = read(fill("t", {"a.jsonl": lines({"full": text, "spans": spans})}), text_field="full", tags_field="spans")
    told = {word: tag for word, tag in of(raw)[1] if tag != "O"}
    assert of(raw)[0] == text
    assert told == {"张": "B-PER", "三": "I-PER", "New": "B-LOC", "York": "I-LOC", "Ann": "B-PER", "Lee": "I-PER"}
    for wrong in ({"label": "X", "start": 3, "end": 99}, {"start": 0, "end": 2}):
        with pytest.raises(TelosError) as error:
            tagged("abc", [wrong], "x:1")
        assert error.value.must == "x:1 must have spans with a start and an end within the text, and a kind"


def test_a_tag_for_each_word():
    with pytest.raises(TelosError) as error:
        tagged(["a", "b"], ["O"], "x:1")
    assert (error.value.must, error.value.found) == ("x:1 must have a tag for each word", "2 words and 1 tags")
    with pytest.raises(TelosError) as error:
        tagged(["a", " "], ["O", "O"], "x:1")
    assert error.value.must == "x:1 must have a list of words, none of them empty"


# -- questions and answers --------------------------------------------------------------------------------------------

CONTEXT = "长城在北京。The wall is old, and the wall is long."


@pytest.mark.parametrize("answers", [
    [{"text": "the wall", "answer_start": 23}], {"text": ["the wall"], "answer_start": [23]}, {"text": "the wall"},
    "the wall", [{"text": "the wall", "answer_start": 20}],
])  # fmt: skip
def test_answers_stand_where_they_stand(fill, answers):
    rows = lines({"context": CONTEXT, "question": "What?", "answers": answers})
    (raw,) = read(fill("t", {"a.jsonl": rows}), text_field="context", question_field="question", answers_field="answers")
    assert raw.metadata == {"question": "What?", "answers": [{"text": "the wall", "start": 27, "end": 35}]}


def test_an_answer_that_is_not_in_the_text_keeps_its_words(fill):
    rows = lines(
        {"context": CONTEXT, "q": "?", "a": [{"text": "a tower", "answer_start": 3}]}, {"context": "x", "q": "?", "a": []}
    )
    one, none = read(fill("t", {"a.jsonl": rows}), text_field="context", question_field="q", answers_field="a")
    assert one.metadata["answers"] == [{"text": "a tower"}]
    assert none.metadata == {"question": "?"}
    with pytest.raises(TelosError) as error:
        read(fill("b", {"b.jsonl": lines({"context": "x", "q": "?", "a": [{"start": 3}]})}), text_field="context",
             answers_field="a")  # fmt: skip
    assert error.value.must.endswith("b.jsonl:1 must have answers with a text and where it starts")


def test_without_a_question_it_is_left_out_and_said(fill):
    rows = lines({"text": "x 长", "q": " "}, {"text": "y", "q": "?"})
    empty, asked = read(fill("t", {"a.jsonl": rows}), question_field="q")
    assert (empty.text, empty.skipped, empty.size_bytes, empty.place) == ("", "without_question", 5, 1)
    assert (asked.text, asked.skipped) == ("y", None)


def test_a_file_as_squad_publishes_them(fill):
    asked = [{"id": str(n), "question": f"{n}?", "answers": [{"text": "北京", "answer_start": 3}]} for n in range(2)]
    data = json.dumps({"version": "1", "data": [{"paragraphs": [{"context": CONTEXT, "qas": asked}]}]}, ensure_ascii=False)
    found = read(fill("t", {"a.json": data}), text_field="context", question_field="question", answers_field="answers", keep="id")
    assert [raw.metadata for raw in found] == [
        {"id": str(n), "question": f"{n}?", "answers": [{"text": "北京", "start": 3, "end": 5}]} for n in range(2)
    ]


def test_they_stay_in_place_in_a_corpus_and_a_text_may_have_several_questions(fill, tmp_path):
    rows = [{"context": f"{n // 2}\r\n\u0000长城在北京。", "q": f"{n % 2} where\r\n?", "a": [{"text": "北京", "answer_start": at},
             {"text": "\u0000长", "answer_start": at - 4}]} for n in range(100) for at in [len(str(n // 2)) + 6]]  # fmt: skip
    source = Files(fill("t", {"a.jsonl": lines(*rows, rows[0])}), text_field="context", question_field="q", answers_field="a")
    from telos.corpus.clean import Clean
    from telos.corpus.split import Split

    corpus = build_corpus([source], Clean(), Split.parse({}), tmp_path / "corpus", engine=Native(workers=1))
    found = [(split, d) for split in ("train", "validation", "test") for d in corpus.documents(split)]
    assert len(found) == 100, "one line of the hundred and one stands there twice"
    splits = {}
    for split, document in found:
        located, lost = document.metadata["answers"]
        assert document.text[located["start"] : located["end"]] == "北京"
        assert lost == {"text": "\u0000长"}
        assert "\r" not in document.metadata["question"]
        splits.setdefault(document.text, set()).add(split)
    assert all(len(of_text) == 1 for of_text in splits.values()), "a text is in one split with all its questions"
