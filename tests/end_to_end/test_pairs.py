"""An encoder-decoder from a table of pairs to its answers; an encoder from hidden words."""

import itertools

import pytest

SMALL = ["model.hidden_size=32", "model.context_length=32", "objective.max_target_tokens=32", "optimizer.learning_rate=0.01",
         "train.batch_tokens=128", "train.precision=fp32", "train.threads=1", "train.compile=false"]  # fmt: skip
LETTERS = "abcdef"


def answer_of(question):
    """The last letter, then the others, in capitals."""
    return (question[-1] + question[:-1]).upper()


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "letters.tsv"
    questions = ["".join(letters) for length in (1, 2, 3) for letters in itertools.product(LETTERS, repeat=length)]
    path.write_text("question\tanswer\n" + "".join(f"{one}\t{answer_of(one)}\n" for one in questions))
    return path


@pytest.fixture(scope="module")
def trained(telos, table, tmp_path_factory):
    recipe = tmp_path_factory.mktemp("recipe") / "pairs.yaml"
    recipe.write_text(
        f"corpus: {{kind: files, path: {table}, text_field: question, target_field: answer}}\n"
        "tokenizer: {kind: character}\nmodel: {kind: seq2seq, dropout: 0}\nobjective: {kind: sequence_to_sequence}\n"
        "optimizer: {kind: adamw}\ntrain: {budget: 200 steps}\n"
    )
    out = tmp_path_factory.mktemp("runs") / "pairs"
    return out, telos.answer("train", recipe, "--out", out, *SMALL)


def test_it_learns_the_rule(telos, trained, table):
    out, answer = trained
    low, high = answer["nats_per_target_token_ci95"]
    assert low <= answer["nats_per_target_token"] <= high
    assert answer["nats_per_target_token"] < 0.3
    assert "bits_per_byte" not in answer
    scored = telos.answer("score", out / "model", table, "corpus.text_field=question", "corpus.target_field=answer")
    assert scored["pairs"] == 6 + 36 + 216
    assert scored["exact_match_fraction"] > 0.8
    found = telos.answer("generate", out / "model", "--prompt", "bfa", "--beams", 3, "--max-tokens", 8)
    assert found["generations"][0]["text"] == "ABF"


def test_what_it_cannot_do_is_refused(telos, trained, table, tmp_path):
    out, _ = trained
    must, _, fix = telos.refuses("score", out / "model", table, "corpus.text_field=question")
    assert must == "model 'seq2seq' is scored on pairs of source and target"
    assert "corpus.target_field=NAME" in fix
    must, _, fix = telos.refuses("run", table, "corpus.text_field=question", "model.kind=seq2seq", "--out", tmp_path / "a")
    assert must == "objective 'causal' needs a model with causal attention"
    must, _, fix = telos.refuses("run", table, "corpus.text_field=question", "model.kind=seq2seq",
                                 "objective.kind=sequence_to_sequence", "--out", tmp_path / "b")  # fmt: skip
    assert must == "objective 'sequence_to_sequence' needs documents with a target"
    assert "corpus.target_field=NAME" in fix


def test_an_encoder_is_measured_by_the_words_that_were_hidden(telos, texts, tmp_path):
    settings = ["model.architecture=encoder", "model.num_layers=1", "model.hidden_size=32", "model.num_heads=2",
                "model.context_length=32", "objective.kind=masked", "train.batch_tokens=256", "train.compile=false"]  # fmt: skip
    answer = telos.answer("run", texts, "--budget", "20 steps", "--out", tmp_path / "run", *settings)
    low, high = answer["nats_per_hidden_token_ci95"]
    assert 0 < low <= answer["nats_per_hidden_token"] <= high
    assert "bits_per_byte" not in answer
    must, found, _ = telos.refuses("generate", tmp_path / "run/model", "--prompt", "x")
    assert "likelihood of text" in must
    assert "objective=masked alone" in found
