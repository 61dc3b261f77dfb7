"""Vectors from a saved folder: as the model gives them, in the texts' order, prefixes, figures of pairs, what is refused."""

import json

import numpy as np
import pytest
import torch
from scipy import stats

from telos.embedding import Embedder, embed
from telos.foundation.errors import TelosError
from telos.foundation.files import read_facts
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.models.saved import save_model
from telos.models.transformer import Transformer
from telos.objectives import _saved
from telos.objectives.causal import Causal
from telos.objectives.contrastive import Contrastive
from telos.run import load, load_likelihood
from telos.tokens.tokenizers.byte import Byte

TEXTS = ["很好", "an awful film", "so-so", "", "没有标签的长长的一段文字，比上下文还长"]
TRANSFORMER = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=24)


def saved(folder, objective, spec=TRANSFORMER):
    tokenizer = Byte().train(lambda: iter(()), 0)
    network = spec.build(tokenizer.vocabulary, seed=3)
    with torch.no_grad():
        for i, parameter in enumerate(network.parameters()):
            parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(i))
    owned = objective.build(network, tokenizer.vocabulary)
    save_model(network, tokenizer, folder, card="", lineage={}, also=lambda to: _saved.save(to, objective, owned, ()))
    return folder


@pytest.mark.parametrize("objective", [Contrastive(sizes=(4,)),
                                       Contrastive(projection_size=6, sizes=(4,), learn_temperature=True),
                                       Contrastive(pooling="last", sizes=(4,), similarity="dot")], ids=str)  # fmt: skip
@pytest.mark.parametrize("spec", [TRANSFORMER, BagOfEmbeddings(hidden_size=16, buckets=50, context_length=24)],
                         ids=lambda spec: spec.kind())  # fmt: skip
def test_a_saved_model_gives_the_vectors_that_it_was_trained_to_give(tmp_path, objective, spec):
    loaded = load(saved(tmp_path / "model", objective, spec))
    found = loaded.embed(TEXTS)
    width = objective.projection_size or 16
    assert (found.shape, found.dtype) == ((5, width), np.float32)
    embedder = Embedder.of(tmp_path / "model", loaded)
    for text, vector in zip(TEXTS, found, strict=True):
        ids = torch.tensor([[256, *text.encode()][:24]])
        expected = objective.embed(embedder.model, ids, torch.tensor([ids.shape[1]]))[0].detach().numpy()
        np.testing.assert_allclose(vector, expected, atol=1e-5)
    short = loaded.embed(TEXTS, size=4)
    cut = found[:, :4]
    if objective.similarity == "cosine":
        cut = cut / np.linalg.norm(cut, axis=1, keepdims=True)
    np.testing.assert_allclose(short, cut, atol=1e-5)
    with pytest.raises(TelosError) as error:
        loaded.embed(TEXTS, size=5)
    assert error.value.must == "a size of vectors must be one that the model was trained for"
    assert error.value.fix == f"choose of 4, {width}, or train with objective.sizes=[5]"


def test_figures_of_a_file_of_pairs(tmp_path):
    folder = saved(tmp_path / "model", Contrastive())
    rows = [(f"text {n}", f"words {n} {n * 7}", n % 5 + n / 100) for n in range(20)]
    (tmp_path / "pairs.csv").write_text("a,b,score\n" + "".join(f"{a},{b},{score}\n" for a, b, score in rows))
    settings = ["corpus.text_field=a", "corpus.target_field=b"]
    facts, shown = embed(folder, load(folder), [str(tmp_path / "pairs.csv")], [*settings, "corpus.value_field=score"], out=None,
                         size=None)  # fmt: skip
    vectors, others = (load(folder).embed([row[i] for row in rows]) for i in (0, 1))
    near = vectors @ others.T
    assert facts["pairs"] == 20
    assert facts["accuracy_at_1"] == pytest.approx(np.mean(near.argmax(1) == np.arange(20)))
    expected = stats.spearmanr([score for *_, score in rows], near.diagonal()).statistic
    assert facts["spearman"] == pytest.approx(expected, abs=1e-6)
    assert facts["spearman_ci95"][0] <= facts["spearman"] <= facts["spearman_ci95"][1]
    assert "Spearman" in shown.splitlines()[-1]
    np.testing.assert_array_equal(np.array([one["embedding"] for one in facts["embeddings"]]), vectors)
    plain, _ = embed(folder, load(folder), [str(tmp_path / "pairs.csv")], settings[:1], out=None, size=None)
    assert not {"pairs", "spearman", "accuracy_at_1"} & plain.keys()


@pytest.mark.parametrize("name", ["vectors.npy", "vectors.jsonl"])
def test_a_file_of_vectors(tmp_path, name):
    folder = saved(tmp_path / "model", Contrastive())
    facts, _ = embed(folder, load(folder), TEXTS[:3], [], out=tmp_path / name, size=None)
    assert facts["written"] == str(tmp_path / name)
    if name.endswith(".npy"):
        found = np.load(tmp_path / name)
    else:
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        (tmp_path / "one.json").write_text(lines[0], encoding="utf-8")
        assert read_facts(tmp_path / "one.json")["text"] == "很好"
        found = np.array([json.loads(line)["embedding"] for line in lines])
    np.testing.assert_allclose(found, load(folder).embed(TEXTS[:3]), atol=1e-6)


def test_what_is_refused(tmp_path):
    folder = saved(tmp_path / "model", Contrastive())
    with pytest.raises(TelosError) as error:
        embed(folder, load(folder), ["a text"], [], out=tmp_path / "vectors.txt", size=None)
    assert error.value.must == "--out must be a .npy or a .jsonl file"
    with pytest.raises(TelosError) as error:
        embed(folder, load(folder), ["a text"], [], out=tmp_path / "nowhere/vectors.npy", size=None)
    assert error.value.found == f"no {tmp_path / 'nowhere'}"
    with pytest.raises(TelosError) as error:
        embed(folder, load(folder), [], [], out=None, size=None)
    assert error.value.must == "telos embed takes a model and texts, or a file of them"
    other = saved(tmp_path / "other", Causal())
    with pytest.raises(TelosError) as error:
        load(other).embed(["a text"])
    assert error.value.must == "a model to embed with must have been trained with objective=contrastive"
    assert error.value.found == f"{other} was trained for objective 'causal'"
    with pytest.raises(TelosError) as error:
        load_likelihood(folder)
    assert error.value.must == "a model must have learned the likelihood of text to be scored or to write"
    assert "telos embed" in error.value.fix
