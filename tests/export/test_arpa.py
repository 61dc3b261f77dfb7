"""Models as ARPA files: the way back gives the same file, and what has no such form is refused."""

import numpy as np
import pytest

from telos.export import Export, export_model
from telos.foundation.errors import TelosError
from telos.models import Model
from telos.models.importing import import_model
from telos.models.saved import load_model, save_model
from telos.tokens.tokenizers import Tokenizer

TEXTS = ["the cat sat on the mat", "a dog  sat\non <s> 月光", "the dog </s> <0x20> <unk>"] * 4


def folder(kind, tokenizer_kind, path):
    tokenizer = Tokenizer.parse(tokenizer_kind).train(lambda: iter(TEXTS), 200)
    built = Model.parse(kind).build(tokenizer.vocabulary)
    if hasattr(built, "fit"):
        built.fit(np.concatenate([tokenizer.vocabulary.ended(ids) for ids in tokenizer.encode_batch(TEXTS)]))
    save_model(built, tokenizer, path, card="", lineage={})
    return path


@pytest.mark.parametrize("tokenizer", ["character", "byte", "word", {"kind": "bpe", "vocab_size": 264}], ids=str)
@pytest.mark.parametrize("name", ["m.arpa", "m.arpa.gz"])
def test_there_and_back_is_the_same_file(tokenizer, name, tmp_path):
    model = folder({"kind": "ngram", "order": 3}, tokenizer, tmp_path / "model")
    facts = export_model(model, "arpa", tmp_path / name)
    assert facts["order"] == 3
    assert facts["n_grams"][0] == load_model(model)[1].vocabulary.size
    import_model(tmp_path / name, tmp_path / "back", tokenizer=model)
    export_model(tmp_path / "back", "arpa", tmp_path / "again" / name)
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()
    (first, words), (second, _) = load_model(model), load_model(tmp_path / "back")
    text = words.vocabulary.ended(words.encode("the cat sat on 月 <s>"))
    np.testing.assert_allclose(second.nll(text), first.nll(text), atol=1e-6)


def test_a_list_of_words_keeps_its_words(tmp_path):
    lines = ["\\data\\", "ngram 1=5", "", "\\1-grams:", "-99\t<s>", "-1\t<unk>", "-0.5\t<0x20>", "-0.7\tthe", "-0.8\t</s>", "",
             "\\end\\", ""]  # fmt: skip
    (tmp_path / "words.arpa").write_text("\n".join(lines))
    import_model(tmp_path / "words.arpa", tmp_path / "model")
    export_model(tmp_path / "model", "arpa", tmp_path / "out.arpa")
    assert (tmp_path / "out.arpa").read_text().split() == (tmp_path / "words.arpa").read_text().split()


def test_what_has_no_such_form_is_refused(tmp_path):
    with pytest.raises(TelosError) as error:
        export_model(folder("hmm", "character", tmp_path / "hmm"), "arpa", tmp_path / "m.arpa")
    assert error.value.must == "an ARPA file holds n-grams, and so the model must be of kind ngram"
    assert error.value.found == "'hmm'"
    model = folder("ngram", "character", tmp_path / "model")
    with pytest.raises(TelosError, match=r"must end in .arpa or .arpa.gz"):
        export_model(model, "arpa", tmp_path / "m.txt")
    (tmp_path / "taken.arpa").mkdir()
    with pytest.raises(TelosError, match="must be a place that can be written to"):
        export_model(model, "arpa", tmp_path / "taken.arpa")
    with pytest.raises(TelosError) as error:
        export_model(model, "onnx", tmp_path / "m.onnx")
    assert "arpa" in str(error.value)
    assert Export.kinds() == ["arpa"]


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    model = folder("ngram", "character", tmp_path / "model")
    export_model(model, "arpa", tmp_path / "m.arpa")
    before = (tmp_path / "m.arpa").read_bytes()
    monkeypatch.setattr("telos.models.counting.arpa._lines", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        export_model(model, "arpa", tmp_path / "m.arpa")
    assert (tmp_path / "m.arpa").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.arpa", "model"]
