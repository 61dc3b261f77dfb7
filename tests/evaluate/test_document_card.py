"""The card of a model of whole documents: figures, classes, commands; what is missing is left out."""

import yaml

from telos.evaluate.document_card import document_card, figures

HEADLINE = {"accuracy": 0.8125, "accuracy_ci95": (0.75, 0.87), "nats_per_label": 0.5, "test_documents": 188, "units": 188,
            "unit_kind": "documents"}  # fmt: skip
TABLE = {"title": "By class", "columns": ["class", "F1"], "rows": [["a|b", "0.500"], ["好", "0.700"]]}


def test_figures_in_words():
    assert figures(HEADLINE) == ["accuracy 0.812 (95 % interval 0.750 to 0.870, 188 held-out documents)",
                                 "0.500 nats per label (188 held-out documents)"]  # fmt: skip


def test_a_classifiers_card():
    card = document_card(
        {"title": "Telos run x", "headline": HEADLINE, "tables": [TABLE], "notes": ["a note"]}, ["差", "好"], ["zh"]
    )
    header = yaml.safe_load(card.split("---")[1])
    assert header["pipeline_tag"] == "text-classification"
    assert header["language"] == ["zh"]
    assert "It tells which of 2 classes a text is of: 差, 好." in card
    assert 'telos classify PATH_OF_THIS_FOLDER "今天"' in card
    assert "| a\\|b | 0.500 |\n| 好 | 0.700 |" in card
    assert "accuracy 0.812" in card
    assert "- a note" in card


def test_without_classes_it_writes():
    card = document_card({}, [])
    assert "telos generate" in card
    assert "classes" not in card
