"""What models of a comparison are measured on: held-out text, which no tokenizer has a say in, and the labelled set."""

import pytest

from telos.evaluate.yardsticks._labelled import Labelled
from telos.foundation.errors import TelosError
from telos.lab.folder import Materials
from telos.lab.work import context_of, held_out
from telos.recipe import Run
from telos.stages import prepare


@pytest.fixture
def corpus(stories, tmp_path):
    recipe = Run.parse({"corpus": {"kind": "files", "path": str(stories)}, "tokenizer": "byte"})
    prepare(recipe, tmp_path / "run")
    return tmp_path / "run" / "corpus"


def test_whole_documents_in_the_order_of_their_ids(corpus):
    texts, names = held_out(Materials(), corpus)
    assert names == sorted(names)
    assert len(set(names)) == len(texts) > 1
    few, first = held_out(Materials(max_bytes=len(texts[0].encode()) + 10), corpus)
    assert (few, first) == (texts[:1], names[:1])
    most = len(texts[0].encode()) // 2
    cut, _ = held_out(Materials(max_bytes=most), corpus)
    assert most - 3 <= len(cut[0].encode()) <= most
    assert texts[0].startswith(cut[0])


def test_a_labelled_set_has_the_fields_that_it_is_said_to_have(corpus, tmp_path):
    (tmp_path / "set.tsv").write_text("好\tgood film 好看\n坏\tbad film 难看\n", encoding="utf-8")
    materials = Materials(labelled=str(tmp_path / "set.tsv"), text_field="body", label_field="kind", columns=("kind", "body"))
    found = Labelled.read(context_of(materials, corpus))
    assert (found.texts, found.labels, found.classes.tolist()) == (["good film 好看", "bad film 难看"], ("坏", "好"), [1, 0])


def test_texts_that_were_given(tmp_path):
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "a.txt").write_text("one 一\r\n", encoding="utf-8")
    (tmp_path / "held" / "b.txt").write_text("two 二", encoding="utf-8")
    texts, names = held_out(Materials(texts=str(tmp_path / "held")), tmp_path)
    assert [text.strip() for text in texts] == ["one 一", "two 二"]
    assert names == ["0", "1"]
    (tmp_path / "empty.txt").write_text(" ")
    with pytest.raises(TelosError, match="held-out text must have at least one document"):
        held_out(Materials(texts=str(tmp_path / "empty.txt")), tmp_path)
