"""ARPA files as folders of ours: the probabilities of the file, words as tokens, and what is refused."""

import gzip
import math

import numpy as np
import pytest
import transformers

from telos.foundation.errors import TelosError
from telos.models.importing import describe, import_model
from telos.models.importing.arpa import is_arpa
from telos.models.saved import load_model
from telos.tokens.tokenizers.character import Character

FILE = """made by hand
\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.5
-0.3\t</s>
-0.4\tmoon\t-0.2
-0.9\tb

\\2-grams:
-0.1\t<s> moon
-0.2\tmoon </s>

\\end\\
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hand.arpa"
    path.write_text(FILE)
    return path


def test_words_are_tokens_and_their_probabilities_the_files(file, tmp_path):
    facts = import_model(file, tmp_path / "model")
    assert (facts["architecture"], facts["parameters"], facts["vocabulary_size"]) == ("2-gram", 4 + 2 + 4, 4)
    assert describe(facts).startswith("2-gram, 10 parameters in float64, vocabulary of 4 tokens")
    model, tokenizer = load_model(tmp_path / "model")
    assert tokenizer.words == ["<unk>", "moon", "b", "</s>"]
    ids = tokenizer.encode("moon  </s>\n sun <s> b")
    assert ids.tolist() == [1, 0, 0, 0, 2]
    assert tokenizer.decode(ids) == " moon <unk> <unk> <unk> b"
    end = tokenizer.vocabulary.end_of_text
    text = np.array([1, end, 2, 0, end])
    log10 = [-0.1, -0.2, -0.5 - 0.9, -1.5, -0.3]
    np.testing.assert_allclose(model.nll(text), -np.array(log10) * math.log(10), rtol=1e-6)
    sizes, _ = tokenizer.sizes(ids, "moon  </s>\n sun <s> b")
    assert sizes.sum() == len("moon  </s>\n sun <s> b")


def test_transformers_reads_the_same_words(file, tmp_path):
    import_model(file, tmp_path / "model")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    assert theirs("b moon sun", add_special_tokens=False)["input_ids"] == [2, 1, 0]
    assert theirs.eos_token == "</s>"


def test_what_is_an_arpa_file(file, tmp_path):
    packed = tmp_path / "model.lm.gz"
    packed.write_bytes(gzip.compress(FILE.encode()))
    assert is_arpa(file)
    assert is_arpa(packed)
    assert import_model(packed, tmp_path / "packed")["vocabulary_size"] == 4
    for name, content in (("a.gz", b"\x1f\x8bx"), ("b.gz", gzip.compress(b"words")), ("c.bin", b"PK\x03\x04")):
        (tmp_path / name).write_bytes(content)
        assert not is_arpa(tmp_path / name)
        with pytest.raises(TelosError) as error:
            import_model(tmp_path / name, tmp_path / "other")
        assert error.value.must == "a model to import must be a folder, a name on the hub (OWNER/NAME), or an ARPA file"
        assert error.value.found == f"the file {tmp_path / name}"


def test_what_does_not_go_together_is_refused(file, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(TelosError, match="--revision goes with a folder or a name on the hub"):
        import_model(file, out, revision="main")
    with pytest.raises(TelosError, match="--tokenizer goes with an ARPA file"):
        import_model(tmp_path, out, tokenizer=tmp_path)
    with pytest.raises(TelosError, match="an ARPA file must exist"):
        import_model(tmp_path / "absent.arpa", out)
    (tmp_path / "closed.arpa").write_text(FILE.replace("-1.5\t<unk>\n", "").replace("1=5", "1=4"))
    with pytest.raises(TelosError) as error:
        import_model(tmp_path / "closed.arpa", out)
    assert error.value.must == "an ARPA file must list <unk>, which stands for every word that it does not"
    assert "--tokenizer DIR" in error.value.fix
    other = tmp_path / "characters"
    other.mkdir()
    Character().train(lambda: iter(["abc"]), 3).save(other)
    with pytest.raises(TelosError, match=r"the words of .*hand.arpa must be the tokenizer's"):
        import_model(file, out, tokenizer=other)
    assert not out.exists()
