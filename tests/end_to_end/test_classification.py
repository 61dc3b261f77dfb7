"""Labelled text becomes a measured classifier: run, train, classify, refusals; English and Chinese, command line and Python."""

import json
from pathlib import Path

import numpy as np
import pytest

WORDS = {
    "en": {"good": ["wonderful", "a joy", "moving", "very funny"], "bad": ["dull", "a mess", "tedious", "never funny"],
           "fair": ["average", "watchable", "so so", "neither nor"]},
    "zh": {"good": ["精彩", "感人", "非常好笑", "值得一看"], "bad": ["无聊", "混乱", "沉闷", "浪费时间"],
           "fair": ["一般", "还可以", "马马虎虎", "不好不坏"]},
}  # fmt: skip
ABOUT = {"en": ["the plot", "the actors", "the music", "this film", "every scene", "the ending"],
         "zh": ["情节", "演员", "音乐", "这部电影", "每个场面", "结尾"]}  # fmt: skip
FAST = ["train.budget=8 epochs", "train.batch_tokens=256", "tokenizer.vocab_size=350", "train.precision=fp32"]


def review(language: str, number: int) -> tuple[str, str]:
    """(text, label): what is said of three things, all of one mood."""
    rng = np.random.default_rng([number, ord(language[0])])
    label = ("good", "bad", "fair")[number % 3]
    said = [
        f"{rng.choice(ABOUT[language])} {'is' if language == 'en' else '很'} {rng.choice(WORDS[language][label])}"
        for _ in range(3)
    ]
    return f"{number}: " + ("; " if language == "en" else "，").join(said), label


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """A table without a header line, as such sets come."""
    path = tmp_path_factory.mktemp("reviews") / "reviews.tsv"
    rows = [review(language, n) for n in range(200) for language in ("en", "zh")]
    path.write_text("".join(f"{label}\t{text}\n" for text, label in rows), encoding="utf-8")
    return path


LABELLED = ["corpus.columns=[label,text]", "corpus.label_field=label", "objective=classification"]


@pytest.fixture(scope="module")
def classifier(telos, reviews, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("runs") / "bag"
    return out, telos.answer("run", reviews, *LABELLED, "model=bag_of_embeddings", *FAST, "--out", out)


def test_the_json_line_and_the_report(classifier):
    out, answer = classifier
    low, high = answer["accuracy_ci95"]
    assert 0.9 <= answer["accuracy"] <= 1
    assert low <= answer["accuracy"] <= high
    assert answer["test_documents"] == 21
    assert answer["class_baselines"]["commonest_class"] < answer["accuracy"]
    assert "bits_per_byte" not in answer
    report = json.loads((out / "report.json").read_text())
    assert report["headline"]["accuracy"] == answer["accuracy"]
    assert report["classes"] == ["bad", "fair", "good"]
    assert {table["title"] for table in report["tables"]} == {"Accuracy", "By class", "What is taken for what"}
    assert "accuracy" in (out / "report.html").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert any("validation_accuracy" in line for line in lines)
    for curve, of in (
        ("train", [line for line in lines if "loss" in line]),
        ("validation", [n for n in lines if "loss" not in n]),
    ):
        assert len(report[curve]["accuracy"]) == len(report[curve]["nats_per_label"]) == len(of) > 1
    page = (out / "report.html").read_text(encoding="utf-8")
    for plot in ("accuracy-seconds", "accuracy-tokens", "nats-per-label-seconds", "learning-rate-scale"):
        assert f'aria-label="{plot}"' in page


def test_classify_texts_in_both_languages(telos, classifier):
    out, _ = classifier
    answer = telos.answer("classify", out / "model", "the plot is wonderful and a joy", "情节很无聊，演员很混乱", "音乐很一般")
    assert [one["label"] for one in answer["classifications"]] == ["good", "bad", "fair"]
    for one in answer["classifications"]:
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert one["probability"] == max(one["probabilities"].values())


def test_classify_a_file_and_measure_it(telos, classifier, reviews):
    out, _ = classifier
    answer = telos.answer("classify", out / "model", reviews, "corpus.columns=[label,text]", "corpus.label_field=label")
    assert (answer["documents"], answer["labelled_documents"]) == (400, 400)
    assert answer["accuracy"] > 0.95
    unlabelled = telos.answer("classify", out / "model", reviews, "corpus.columns=[label,text]")
    assert "accuracy" not in unlabelled
    assert unlabelled["classifications"] == answer["classifications"]


def test_the_same_from_python(classifier, reviews, tmp_path):
    import telos
    from telos.recipe import Run

    made = Run.parse({
        "corpus": telos.Files(reviews, columns=["label", "text"], label_field="label"), "objective": "classification",
        "model": "bag_of_embeddings", "train": {"budget": "8 epochs", "batch_tokens": 256, "precision": "fp32"},
        "tokenizer": {"kind": "bpe", "vocab_size": 350},
    })  # fmt: skip
    result = made.train(tmp_path / "again")
    assert result.facts["headline"]["accuracy"] == classifier[1]["accuracy"]
    from telos.run import classify

    facts, shown = classify(result.model, ["the actors is dull"])
    assert facts["classifications"][0]["label"] == "bad"
    assert shown.startswith("bad")


SMALL = {
    "convolution": ["model.embedding_size=32", "model.num_filters=16"],
    "transformer": ["model.num_layers=1", "model.hidden_size=32", "model.num_heads=2", "model.context_length=64"],
}


@pytest.mark.parametrize("model", SMALL)
def test_other_models_learn_it_too(telos, reviews, tmp_path, model):
    recipe = Path("recipes/default.yaml").resolve()
    answer = telos.answer("train", recipe, "corpus.kind=files", f"corpus.path={reviews}", *LABELLED, f"model.kind={model}",
                          *SMALL[model], *FAST, "--out", tmp_path / "run")  # fmt: skip
    assert answer["accuracy"] > 0.8
    told = telos.answer("classify", tmp_path / "run/model", review("en", 999)[0])
    assert told["classifications"][0]["label"] == "good"
    (tmp_path / "text.txt").write_text("a text")
    must, found, fix = telos.refuses("score", tmp_path / "run/model", tmp_path / "text.txt")
    assert "likelihood" in must
    assert "telos classify" in fix
    if model == "transformer":
        assert "trained with objective=classification alone" in found


def test_what_is_refused_by_name(telos, classifier, reviews, finished, tmp_path):
    out, _ = classifier
    (tmp_path / "text.txt").write_text("a text")
    for verb in (["score", out / "model", tmp_path / "text.txt"], ["generate", out / "model"]):
        must, found, fix = telos.refuses(*verb)
        assert must == "a model must give a likelihood of text to be scored or to write"
        assert found == "'bag_of_embeddings' reads a text as a whole and gives none"
        assert "telos classify" in fix
    must, found, _ = telos.refuses("classify", finished[0] / "model", "a text")
    assert must == "a model to classify with must have been trained with objective=classification"
    assert "its likelihood of text" in found
    must, found, fix = telos.refuses(
        "run", reviews, "corpus.columns=[label,text]", "objective=classification", "--out", tmp_path / "a"
    )
    assert (must, found) == ("objective 'classification' needs documents with a label", "the corpus has none")
    assert fix == "name the field that holds it: corpus.label_field=NAME"
    must, _, _ = telos.refuses("run", reviews, "corpus.columns=[label,text]", "model=bag_of_embeddings", "--out", tmp_path / "b")
    assert must == "objective 'causal' needs a model that gives a likelihood of text"
    assert "takes a model and texts" in telos.refuses("classify", out / "model")[0]


def test_a_document_without_a_label(telos, tmp_path):
    path = tmp_path / "some.jsonl"
    rows = [{"text": f"number {n} of many", "label": None if n == 7 else n % 2} for n in range(100)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    must, _, fix = telos.refuses("run", path, "corpus.label_field=label", "objective=classification", "model=bag_of_embeddings",
                                 "tokenizer.kind=byte", "train.budget=2 epochs", "--out", tmp_path / "run")  # fmt: skip
    assert must == "every document must have a label"
    assert "corpus.label_field=NAME" in fix


def test_grouping_by_length_is_of_documents(telos, tmp_path):
    (tmp_path / "text.txt").write_text("some text " * 100)
    must, found, fix = telos.refuses("run", tmp_path / "text.txt", "train.group_by_length=true", "--out", tmp_path / "run")
    assert must == "train.group_by_length needs an objective of whole documents"
    assert found == "'causal' reads the text as one stream"
    assert fix == "leave train.group_by_length out"


def test_one_class_alone(telos, tmp_path):
    path = tmp_path / "some.csv"
    path.write_text("text,label\n" + "".join(f"number {n} of many,1\n" for n in range(100)))
    must, found, _ = telos.refuses("run", path, "corpus.label_field=label", "objective=classification", "model=bag_of_embeddings",
                                   "tokenizer.kind=byte", "train.budget=2 epochs", "--out", tmp_path / "run")  # fmt: skip
    assert (must, found) == ("classification needs documents of at least two classes", "1: 1")
