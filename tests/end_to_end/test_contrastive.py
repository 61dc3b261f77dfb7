"""Pairs of English and Chinese become vectors that find one another: run, embed, Python, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], list("零一二三四五六七八九")
FAST = ["tokenizer.vocab_size=340", "train.precision=fp32", "train.batch_tokens=1024", "objective.group=16",
        "train.gradient_clip=null"]  # fmt: skip


def said(number: int, language: int) -> str:
    gap = (" ", "")[language]
    return gap.join(NUMBERS[language][int(digit)] for digit in f"{number:03d}")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Each with a text that is close to its pair and another."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [{"en": said(n, 0), "zh": said(n, 1), "near": said((n + 1) % 1000, 1), "alike": 1.0} for n in range(0, 1000, 2)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


PAIRED = ["corpus.text_field=en", "corpus.target_field=zh", "objective=contrastive"]


@pytest.fixture(scope="module")
def trained(telos, pairs, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("runs") / "vectors"
    settings = ["corpus.negative_field=near", "objective.sizes=[16]", "objective.symmetric=true", "objective.forward_rows=12",
                "model=bag_of_embeddings", "optimizer.kind=adamw", "optimizer.learning_rate=0.02",
                "--budget", "30 epochs"]  # fmt: skip
    return out, telos.answer("run", pairs, *PAIRED, *settings, *FAST, "--out", out)


def test_the_json_line_and_the_report(trained):
    out, answer = trained
    low, high = answer["accuracy_at_1_ci95"]
    assert low <= answer["accuracy_at_1"] <= high
    assert answer["accuracy_at_1"] > 5 / answer["test_documents"]
    assert answer["accuracy_at_1"] <= answer["mean_reciprocal_rank"] <= 1
    assert answer["accuracy_at_1_16"] > 5 / answer["test_documents"]
    assert answer["alignment"] >= 0 >= answer["uniformity"]
    assert "bits_per_byte" not in answer
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert any("validation_accuracy_at_1" in line for line in lines)
    losses = [line["loss_contrastive"] for line in lines if "loss_contrastive" in line]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    card = (out / "model/README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: sentence-similarity" in card
    assert "telos embed PATH_OF_THIS_FOLDER" in card


def test_embed_texts_in_both_languages(telos, trained, tmp_path):
    out, _ = trained
    answer = telos.answer("embed", out / "model", "one two three", "一二三", "七八九")
    vectors = np.array([one["embedding"] for one in answer["embeddings"]])
    assert (answer["size"], vectors.shape) == (32, (3, 32))
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    shown = telos("embed", out / "model", "one two three", "--size", "16").stdout.splitlines()
    (line,) = [json.loads(line) for line in shown]
    assert (line["text"], len(line["embedding"])) == ("one two three", 16)
    written = telos.answer("embed", out / "model", "one two three", "一二三", "--out", tmp_path / "vectors.npy")
    assert written["written"] == str(tmp_path / "vectors.npy")
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), vectors[:2], atol=1e-6)
    import telos as package

    np.testing.assert_allclose(package.load(out / "model").embed(["一二三"])[0], vectors[1], atol=1e-6)


def test_embed_a_file_of_pairs(telos, trained, pairs):
    out, _ = trained
    answer = telos.answer("embed", out / "model", pairs, "corpus.text_field=en", "corpus.target_field=zh")
    assert (answer["pairs"], answer["documents"]) == (500, 500)
    assert answer["accuracy_at_1"] > 0.1
    assert answer["accuracy_at_1"] <= answer["mean_reciprocal_rank"]


def test_views_of_plain_texts(telos, texts, tmp_path):
    settings = ["objective=contrastive", "objective.positives=views", "objective.group=8", "model=bag_of_embeddings"]
    must, found, fix = telos.refuses("run", texts, *settings, "--out", tmp_path / "a")
    assert must == "views of the same text need a model with dropout, without which they are equal"
    assert found == "'bag_of_embeddings' has dropout 0"
    assert "model.dropout=0.1" in fix
    answer = telos.answer("run", texts, *settings, "model.word_dropout=0.2", "tokenizer.vocab_size=400", "--budget", "20 steps",
                          "--out", tmp_path / "b")  # fmt: skip
    assert 0 < answer["accuracy_at_1"] <= 1


def test_what_is_refused_by_name(telos, trained, texts, finished, tmp_path):
    out, _ = trained
    must, found, fix = telos.refuses("generate", out / "model")
    assert must == "a model must give a likelihood of text to be scored or to write"
    assert found == "'bag_of_embeddings' reads a text as a whole and gives none"
    must, found, _ = telos.refuses("embed", finished[0] / "model", "a text")
    assert must == "a model to embed with must have been trained with objective=contrastive"
    assert "its likelihood of text" in found
    must, found, fix = telos.refuses("run", texts, "objective=contrastive", "--out", tmp_path / "a")
    assert (must, found) == ("objective 'contrastive' needs documents with a target", "the corpus has none")
    assert fix == "name the field that holds it: corpus.target_field=NAME"
    assert "takes a model and texts" in telos.refuses("embed")[0]
