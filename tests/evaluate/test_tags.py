"""Tags: F1 by kind as scikit-learn and by hand, the commonest tag of a word."""

import numpy as np
import pytest

from telos.evaluate.documents import Measured
from telos.evaluate.tags import CommonestTags, by_kind, f1_parts, result, tagged
from telos.foundation.document import Document

TRAIN = [[("张三", "B-PER"), ("在", "O"), ("run", "V")], [("run", "N"), ("run", "V"), ("在", "O"), ("在", "O")]]


def test_each_words_commonest_tag():
    commonest = CommonestTags(TRAIN)
    assert commonest.tags(["张三", "run", "在", "unheard"]) == ["B-PER", "V", "O", "O"]


def test_of_equals_the_first_by_name():
    assert CommonestTags([[("a", "Y"), ("a", "X")]]).tags(["a", "b"]) == ["X", "X"]


def test_words_of_a_document():
    document = Document(
        "", "张三 在", "", metadata={"tags": [{"start": 0, "end": 2, "tag": "B-PER"}, {"start": 3, "end": 4, "tag": "O"}]}
    )
    assert tagged(document) == [("张三", "B-PER"), ("在", "O")]
    assert tagged(Document("", "x", "")) == []


MARKED = [["B-A", "I-A", "O", "B-B"], ["O", "B-A"]]
TOLD = [["B-A", "I-A", "O", "B-A"], ["O", "B-A"]]


def test_f1_of_spans_by_kind():
    above, below = f1_parts(MARKED, TOLD)
    assert (above.tolist(), below.tolist()) == ([2.0, 2.0], [4.0, 2.0])
    found = by_kind(MARKED, TOLD)
    assert found["rows"] == [["A", 2, "0.667", "1.000", "0.800"], ["B", 1, "", "0.000", "0.000"]]
    assert found["title"] == "By kind of span"


def test_tags_that_mark_no_spans_are_scikit_learns_classes():
    metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(1)
    true, told = draw.choice(["N", "V", "X"], (2, 90)).tolist()
    wanted = metrics.precision_recall_fscore_support(true, told, labels=["N", "V", "X"])
    found = by_kind([true[:40], true[40:]], [told[:40], told[40:]])
    assert found["title"] == "By kind of word"
    for row, (precision, recall, f1, support) in zip(found["rows"], zip(*wanted, strict=True), strict=True):
        assert row[1:] == [support, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}"]


def test_the_result_is_set_beside_it():
    marked = [[("a", "N"), ("b", "V")]] * 8
    measured = Measured({"accuracy": np.full(8, 2.0)}, {"accuracy": np.full(8, 2.0)})
    found = result(measured, marked, [["N", "V"]] * 8, [[("a", "N"), ("a", "N"), ("b", "N")]])
    assert [(b["figure"], b["value"], b["difference"], b["verdict"]) for b in found.baselines] == [
        ("accuracy", 0.5, 0.5, "better")
    ]
    assert [table["title"] for table in found.tables] == ["Accuracy", "By kind of word"]
    alone = result(measured, marked, [["N", "V"]] * 8, None)
    assert (alone.baselines, len(alone.tables)) == ([], 1)
