"""Held-out documents in a report: scikit-learn's precision, recall and F1, confusion, what validation keeps of a budget."""

import types

import numpy as np
import pytest

from telos import document_results
from telos.foundation.document import Document
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.objectives.classification import Classification
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.byte import Byte


def test_precision_recall_and_f1_are_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    true, told = rng.integers(0, 3, 80), rng.integers(0, 3, 80)
    wanted = zip(*metrics.precision_recall_fscore_support(true, told), strict=True)
    for row, (precision, recall, f1, support) in zip(
        document_results._by_class(true, told, ("a", "b", "c"))["rows"], wanted, strict=True
    ):
        assert row[1:] == [support, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}"]
    rows = document_results._confusion(true, told, ("a", "b", "c"))["rows"]
    assert [row[1:] for row in rows] == metrics.confusion_matrix(true, told).tolist()


def test_what_is_undefined_is_left_out():
    (_, nobody) = document_results._by_class(np.array([0, 0]), np.array([0, 0]), ("a", "b"))["rows"]
    assert nobody == ["b", 0, "", "", ""]


def test_validation_measures_and_keeps_time_for_the_held_out_documents(tmp_path, monkeypatch):
    byte = Byte().train(lambda: iter(()), 0)
    documents = [Document(f"{i:032x}", f"text {i}", "x", metadata={"label": str(i % 2)}) for i in range(30)]
    store = TokenStore.write(tmp_path / "s", documents, byte, labels=["0", "1"])
    network = BagOfEmbeddings(hidden_size=4).build(byte.vocabulary.with_labels(["0", "1"])).eval()
    objective = Classification()
    owned = objective.build(network, network.vocabulary)
    monkeypatch.setattr(document_results, "VALIDATION_TOKENS", 80)
    times = iter([0.0, 2.0])
    monkeypatch.setattr(document_results, "time", types.SimpleNamespace(perf_counter=lambda: next(times)))
    held, clock = types.SimpleNamespace(tokens=np.zeros(800)), types.SimpleNamespace(reserve_seconds=0.0)
    prepared = types.SimpleNamespace(stores={"validation": store}, tokenizer=byte)
    evaluate = document_results.validation(objective, prepared, held, owned, clock=clock, closing=lambda: 3.0)
    found = evaluate(network)
    assert found["nats_per_label"] == pytest.approx(np.log(2))
    assert 0 <= found["accuracy"] <= 1
    # Ten documents of 7 or 8 tokens took two seconds; 800 tokens take about ten times that, beside the 3 of closing.
    assert 23 <= clock.reserve_seconds < 26
    nothing = types.SimpleNamespace(stores={})
    assert document_results.validation(objective, nothing, held, owned, clock=clock, closing=lambda: 3.0) is None


def test_pieces_of_a_document_have_its_marks_and_a_beginning_ends_as_a_whole_one_does(tmp_path):
    byte = Byte().train(lambda: iter(()), 0)
    text = "It was. He went on and on."
    store = TokenStore.write(tmp_path / "s", [Document("0" * 32, text, "x")], byte, marks=True)
    rows = document_results.pieces(store, 0, 10)
    assert np.concatenate([row.tokens for row in rows]).tolist() == store.document(0).tolist()
    assert np.concatenate([row.marks for row in rows]).tolist() == store.marks.read(0, store.num_tokens).tolist()
    assert [row.previous for row in rows] == [store.end_of_text, ord("e"), ord("a")]
    assert [len(row.tokens) for row in rows] == [10, 10, 7]
    (beginning,) = document_results.pieces(store, 0, 10, most=4)
    assert beginning.tokens.tolist() == [*b"It ", store.end_of_text]
    unmarked = TokenStore.write(tmp_path / "t", [Document("0" * 32, text, "x")], byte)
    assert document_results.pieces(unmarked, 0, 10)[0].marks is None
