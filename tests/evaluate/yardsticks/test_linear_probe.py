"""A linear probe: scikit-learn's answer on the values themselves, classes that can be told and classes that cannot."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from telos.evaluate.yardsticks import Context
from telos.evaluate.yardsticks._labelled import Labelled
from telos.evaluate.yardsticks._pooled import pooled
from telos.evaluate.yardsticks.linear_probe import LinearProbe, values_of
from telos.foundation.errors import TelosError


@pytest.mark.parametrize("name", ["causal", "masked", "permutation", "spans_both", "gru"])
def test_classes_that_letters_tell_are_told(subject, name, labelled_file, two_classes):
    path = labelled_file(two_classes())
    found = LinearProbe().measure(subject(name), Context(labelled=path))
    assert found.value > 0.9
    assert found.beside["commonest_class"] == 0.5
    assert len(found.items) == 30


def test_labels_that_mean_nothing_are_not_told(subject, labelled_file):
    rng = np.random.default_rng(2)
    rows = [("".join(rng.choice(list("abcdef "), 12)) + "!", str(rng.integers(2))) for _ in range(300)]
    found = LinearProbe().measure(subject("causal"), Context(labelled=labelled_file(rows)))
    assert found.interval[0] < 0.5 < found.interval[1]


def test_it_is_scikit_learns_answer(subject, labelled_file, two_classes):
    one, rows = subject("causal"), two_classes(40)
    context = Context(labelled=labelled_file(rows), seed=3)
    probe = LinearProbe(training=12, test=9, inverse_penalty=1e-3)
    train, test = Labelled.read(context).split(12, 9, 3)
    values = np.stack([pooled(one, [one.tokenizer.encode(text)])[0].detach().double() for text, _ in rows])
    centre, spread = values[train].mean(0), values[train].std(0)
    labels = np.array([label for _, label in rows])
    reference = LogisticRegression(C=1e-3, max_iter=2000).fit((values[train] - centre) / spread, labels[train])
    told = reference.predict((values[test] - centre) / spread) == labels[test]
    found = probe.measure(one, context)
    assert found.values.tolist() == told.astype(float).tolist()
    assert found.items == [str(i) for i in test]


def test_values_do_not_depend_on_the_batch(subject):
    texts = ["a", "the cat sees the dog", "猫" * 30, "dogs"]
    np.testing.assert_allclose(values_of(subject("gru"), texts, 1), values_of(subject("gru"), texts, 10_000), atol=1e-5)


def test_a_set_of_one_class_is_refused(subject, labelled_file):
    path = labelled_file([("a", "x"), ("b", "x")])
    with pytest.raises(TelosError, match="a labelled set must have texts of at least two classes") as error:
        LinearProbe().measure(subject("causal"), Context(labelled=path))
    assert error.value.found == "1: x"


def test_fields_and_tables_without_a_header(subject, tmp_path, two_classes):
    path = tmp_path / "set.tsv"
    path.write_text("".join(f"{label}\t{text}\n" for text, label in two_classes(24)))
    found = Labelled.read(Context(labelled=path, columns=("class", "words"), text_field="words", label_field="class"))
    assert found.labels == ("rest", "vowels")
    assert [found.labels[c] for c in found.classes[:2]] == ["vowels", "rest"]


def test_the_parts_do_not_meet():
    found = Labelled(["t"] * 40, np.zeros(40, int), ("a", "b"))
    train, test = found.split(100, 100, 1)
    assert len(train) == 30
    assert sorted([*train, *test]) == list(range(40))
    assert len(found.split(5, 3, 1)[1]) == 3


def test_what_counts_has_nothing_to_probe(ngram):
    assert "counts, and has no values" in LinearProbe().applies(ngram(["a"]))
