"""Numbers, tags and answers become measured models: run, predict, refusals; English and Chinese, command line and Python."""

import json
from pathlib import Path

import numpy as np
import pytest

FAST = ["train.batch_tokens=256", "train.precision=fp32", "train.compile=false"]
TRANSFORMER = ["model.kind=transformer", "model.num_layers=1", "model.hidden_size=32", "model.num_heads=2"]
THINGS = {"en": ["apples", "boats", "clouds", "dogs"], "zh": ["苹果", "小船", "云", "狗"]}
NAMES = {"en": ["Alice", "Bob", "Carol", "Dan"], "zh": ["王伟", "李娜", "张敏", "刘洋"]}
PLACES = {"en": ["Paris", "Rome", "London"], "zh": ["北京", "上海", "广州"]}


def written(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counts(tmp_path_factory) -> Path:
    """How many things a text names is its number."""
    rows = []
    for n in range(240):
        rng, language = np.random.default_rng(n), ("en", "zh")[n % 2]
        said = rng.choice(THINGS[language], rng.integers(1, 9)).tolist()
        rows.append({"text": f"{n}: " + " and ".join(said) if language == "en" else f"{n}：" + "和".join(said),
                     "stars": 100 + 10 * len(said)})  # fmt: skip
    return written(tmp_path_factory.mktemp("counts") / "counts.jsonl", rows)


@pytest.fixture(scope="module")
def numbers(telos, counts, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("runs") / "numbers"
    return out, telos.answer("run", counts, "corpus.value_field=stars", "objective=regression", "model.kind=transformer",
                             *TRANSFORMER[1:], "model.context_length=64", "tokenizer.vocab_size=290", *FAST,
                             "optimizer.kind=adamw", "optimizer.learning_rate=0.01", "train.budget=12 epochs", "--out", out
                             )  # fmt: skip


def test_a_number_is_told_in_its_own_units(telos, numbers, counts):
    out, answer = numbers
    assert answer["document_baselines"]["mean"]["mean_absolute_error"] > 1.5 * answer["mean_absolute_error"]
    assert answer["r_squared"] > 0.5
    assert answer["spearman"] > 0.7
    assert answer["r_squared_ci95"][0] < answer["r_squared"] < answer["r_squared_ci95"][1]
    assert "bits_per_byte" not in answer
    report = json.loads((out / "report.json").read_text())
    assert {table["title"] for table in report["tables"]} == {"Mean absolute error", "By size of the number"}
    assert report["document_baselines"][0]["verdict"] == "better"
    assert "mean absolute error" in (out / "report.html").read_text(encoding="utf-8")
    assert "telos predict" in (out / "model" / "README.md").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert any("validation_mean_absolute_error" in line for line in lines)
    told = telos.answer("predict", out / "model", "500: dogs", "500：" + "和".join(THINGS["zh"] * 2))
    few, many = (one["value"] for one in told["predictions"])
    assert 90 < few < 135 < many < 200
    told = telos.answer("predict", out / "model", counts, "corpus.value_field=stars")
    assert (told["documents"], told["r_squared"] > 0.5) == (240, True)


def test_without_numbers_it_is_refused(telos, counts, tmp_path):
    must, found, fix = telos.refuses("run", counts, "objective=regression", "--out", tmp_path / "a")
    assert (must, found) == ("objective 'regression' needs documents with a value", "the corpus has none")
    assert fix == "name the field that holds it: corpus.value_field=NAME"
    must, found, _ = telos.refuses("run", counts, "corpus.value_field=text", "objective=regression", "--out", tmp_path / "b")
    assert must.endswith("counts.jsonl:1 must have a number for its value")


# -- tags -------------------------------------------------------------------------------------------------------------


def sentence(n: int) -> tuple[list[str], list[str]]:
    rng, language = np.random.default_rng(n), ("en", "zh")[n % 2]
    name, place = str(rng.choice(NAMES[language])), str(rng.choice(PLACES[language]))
    if language == "en":
        words, tags = (
            ["In", str(n), name, "Smith", "lives", "in", place, "."],
            ["O", "O", "B-PER", "I-PER", "O", "O", "B-LOC", "O"],
        )
    else:
        words = [*"在", str(n), *name, *"住在", *place, "。"]
        tags = ["O", "O", "B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O"]
    return words, tags


@pytest.fixture(scope="module")
def tagger(telos, tmp_path_factory) -> tuple[Path, dict, Path]:
    file = tmp_path_factory.mktemp("tags") / "tags.conll"
    blocks = ["".join(f"{word}\t{tag}\n" for word, tag in zip(*sentence(n), strict=True)) for n in range(200)]
    file.write_text("\n".join(blocks), encoding="utf-8")
    out = tmp_path_factory.mktemp("runs") / "tags"
    return out, telos.answer("run", file, "corpus.tags_field=tags", "objective=tagging", "model=lstm", "model.hidden_size=32",
                             "model.context_length=64", "tokenizer.vocab_size=290", *FAST, "optimizer.kind=adamw",
                             "optimizer.learning_rate=0.01", "train.budget=12 epochs", "--out", out), file  # fmt: skip


def test_words_are_tagged(telos, tagger):
    out, answer, file = tagger
    assert answer["span_f1"] > 0.8
    assert answer["accuracy"] > 0.9
    assert answer["document_baselines"]["commonest_tag"]["accuracy"] <= 1
    report = json.loads((out / "report.json").read_text())
    assert {"Accuracy", "F1 of spans", "By kind of span"} == {table["title"] for table in report["tables"]}
    assert report["classes"] == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
    told = telos.answer("predict", out / "model", "In 7 Alice Smith lives in Rome .", "在9李娜住在上海。")["predictions"]
    assert told[0]["words"] == ["In", "7", "Alice", "Smith", "lives", "in", "Rome", "."]
    assert [(one["kind"], one["text"]) for one in told[0]["spans"]] == [("PER", "Alice Smith"), ("LOC", "Rome")]
    assert [(one["kind"], one["text"]) for one in told[1]["spans"]] == [("PER", "李娜"), ("LOC", "上海")]
    whole = telos.answer("predict", out / "model", file, "corpus.tags_field=tags")
    assert whole["span_f1"] > 0.8


def test_a_model_that_reads_a_text_as_a_whole_cannot_tag(telos, tagger, tmp_path):
    must, found, _ = telos.refuses("run", tagger[2], "corpus.tags_field=tags", "objective=tagging", "model=bag_of_embeddings",
                                   "--out", tmp_path / "a")  # fmt: skip
    assert must == "objective 'tagging' needs a model with a value for each token"
    must, found, _ = telos.refuses("run", tagger[2], "corpus.tags_field=ner", "objective=tagging", "--out", tmp_path / "b")
    assert must.endswith("tags.conll:1 must have the field 'ner'")
    assert found == "fields text, tags"


# -- answers ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> Path:
    """As SQuAD is published: two questions to each text."""
    paragraphs = []
    for n in range(80):
        rng, language = np.random.default_rng(n), ("en", "zh")[n % 2]
        name, place = str(rng.choice(NAMES[language])), str(rng.choice(PLACES[language]))
        context, who, where = ((f"{n}. {name} lives in {place} now.", "Who?", "Where?") if language == "en"
                               else (f"{n}。{name}现在住在{place}。", "谁？", "哪里？"))  # fmt: skip
        paragraphs.append({"context": context, "qas": [
            {"id": f"{n}-{asked}", "question": asked, "answers": [{"text": said, "answer_start": context.index(said)}]}
            for asked, said in ((who, name), (where, place))]})  # fmt: skip
    path = tmp_path_factory.mktemp("asked") / "asked.json"
    path.write_text(json.dumps({"version": "1.1", "data": [{"paragraphs": paragraphs}]}, ensure_ascii=False), encoding="utf-8")
    return path


ASKED = ["corpus.text_field=context", "corpus.question_field=question", "corpus.answers_field=answers"]


@pytest.fixture(scope="module")
def reader(telos, asked, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("runs") / "reader"
    return out, telos.answer("run", asked, *ASKED, "objective=span_extraction", "objective.max_question_tokens=16", *TRANSFORMER,
                             "model.context_length=64", "tokenizer.vocab_size=290", *FAST, "optimizer.kind=adamw",
                             "optimizer.learning_rate=0.01", "train.budget=40 steps",
                             "split.validation_fraction=0.15", "split.test_fraction=0.15", "--out", out)  # fmt: skip


def test_questions_are_answered(telos, reader, asked):
    out, answer = reader
    assert answer["test_documents"] > 4
    assert answer["exact_span"] > 0.5
    # A token may hold more than the answer: the right span, and not its text to the letter.
    assert 0 < answer["exact_match"] <= answer["answer_f1"] <= 1
    assert answer["answer_f1"] > answer["document_baselines"]["likeliest_sentence"]["answer_f1"]
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    nats = [line["loss_nats_per_answer"] for line in lines if "loss_nats_per_answer" in line]
    assert np.mean(nats[-5:]) < 0.9 * np.mean(nats[:2]), "it learns"
    assert any("validation_exact_span" in line for line in lines)
    report = json.loads((out / "report.json").read_text())
    assert {"F1 of answers", "The first questions"} == {table["title"] for table in report["tables"]}
    told = telos.answer("predict", out / "model", "Where?", "7. Bob lives in Rome now.")
    assert told["predictions"][0]["answer"] in "7. Bob lives in Rome now."
    whole = telos.answer("predict", out / "model", asked, *ASKED)
    assert whole["documents"] == len(whole["predictions"]) == 160
    assert 0 <= whole["exact_match"] <= whole["answer_f1"] <= 1


def test_the_same_from_python(reader):
    from telos.run import predict

    facts, shown = predict(reader[0] / "model", ["谁？", "9。李娜现在住在上海。"])
    assert shown.startswith(facts["predictions"][0]["answer"] or "(no answer)")


def test_what_is_refused_by_name(telos, reader, asked, finished, tmp_path):
    out, _ = reader
    must, found, fix = telos.refuses("run", asked, *ASKED[:1], ASKED[2], "objective=span_extraction", "--out", tmp_path / "a")
    assert must == "objective 'span_extraction' needs documents with a question"
    must, _, fix = telos.refuses("predict", out / "model", "a text")
    assert must == "a model that answers takes a question and its context, or a file of them"
    must, found, _ = telos.refuses("predict", finished[0] / "model", "a text")
    assert must == "a model to predict with must have learned what stands beside texts"
    assert "its likelihood of text" in found
    (tmp_path / "text.txt").write_text("a text")
    must, found, fix = telos.refuses("score", out / "model", tmp_path / "text.txt")
    assert "trained with objective=span_extraction alone" in found
    assert "telos predict" in fix
