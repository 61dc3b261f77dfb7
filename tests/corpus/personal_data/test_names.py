"""Names and places through Presidio and a spaCy model made here: a blank pipeline with a list of names."""

import pytest

from telos.corpus.filters.personal_data import PersonalData
from telos.corpus.personal_data._names import Names
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError

PATTERNS = {
    "en": [("PERSON", "Ada Lovelace"), ("GPE", "London")],
    "zh": [("PERSON", "王小明"), ("GPE", "北京")],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    spacy = pytest.importorskip("spacy")
    folders = {}
    for language, patterns in PATTERNS.items():
        pipeline = spacy.blank(language)
        pipeline.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": words} for label, words in patterns])
        folder = tmp_path_factory.mktemp("models") / language
        pipeline.to_disk(folder)
        folders[language] = str(folder)
    return folders


TEXTS = ["Ada Lovelace (ada@corp.com) lived in London.", "联系人王小明住在北京，电话13800138000。", "Nobody here. [PERSON]", ""]


def test_names_are_masked_beside_the_rest(models):
    verdict = PersonalData(deep=True, names={"models": models}).judge(Texts.of(TEXTS), {})
    assert verdict.columns["text"].to_pylist() == [
        "[PERSON] ([EMAIL]) lived in [LOCATION].", "联系人[PERSON]住在[LOCATION]，电话[PHONE]。", TEXTS[2], "",
    ]  # fmt: skip
    assert verdict.counts == {"person": 2, "location": 2, "email": 1, "phone": 1}


def test_pseudonyms_are_consistent_and_in_the_texts_language(models):
    mask = PersonalData(deep=True, replacement="pseudonym", types=[], names={"models": models})
    texts = ["Ada Lovelace met Ada Lovelace.", "王小明见到王小明。"]
    english, chinese = mask.judge(Texts.of(texts), {}).columns["text"].to_pylist()
    assert len(set(english.removesuffix(".").split(" met "))) == 1
    assert len(set(chinese.removesuffix("。").split("见到"))) == 1
    assert chinese.startswith(tuple("赵钱孙李周吴郑王"))
    assert "Lovelace" not in english


def test_the_language_decides(models):
    mask = PersonalData(deep=True, types=[], names={"models": {"en": models["en"]}})
    texts = Texts.of(["Ada Lovelace", "Ada Lovelace", "王小明"], language=["en", "de", None])
    assert mask.judge(texts, {}).columns["text"].to_pylist() == ["[PERSON]", "Ada Lovelace", "王小明"]


def test_the_score_decides(models):
    mask = PersonalData(deep=True, types=[], names={"models": models, "min_score": 0.9})
    assert "text" not in mask.judge(Texts.of(TEXTS[:1]), {}).columns  # Presidio gives spaCy's entities 0.85


def test_a_model_that_is_not_there():
    with pytest.raises(TelosError) as error:
        PersonalData(deep=True, names=Names(models={"en": "no_such_model"})).prepare(lambda n: [])
    assert str(error.value).splitlines() == [
        "personal_data.names.models.en must be an installed spaCy model or a folder with one",
        "  found: there is no 'no_such_model'",
        "  to do: python -m spacy download no_such_model, or name another",
    ]
