"""An n-gram from text to an ARPA file and back, as a person types it."""


def test_out_and_in_again(telos, texts, tmp_path):
    words = ["corpus.kind=files", f"corpus.path={texts}", "model.kind=ngram", "model.order=3", "tokenizer.vocab_size=400"]
    telos.answer("train", "recipes/models/ngram.yaml", *words, "--out", tmp_path / "run")
    model = tmp_path / "run" / "model"
    first, again = tmp_path / "first.arpa.gz", tmp_path / "again.arpa.gz"
    facts = telos.answer("export", model, "--to", "arpa", "--out", first)
    assert (facts["order"], facts["bytes"]) == (3, first.stat().st_size)
    facts = telos.answer("import", first, "--tokenizer", model, "--out", tmp_path / "back")
    assert facts["architecture"] == "3-gram"
    telos.answer("export", tmp_path / "back", "--to", "arpa", "--out", again)
    assert again.read_bytes()[10:] == first.read_bytes()[10:]
    scored = [telos.answer("score", one, texts / "story-1.txt")["bits_per_byte"] for one in (model, tmp_path / "back")]
    assert abs(scored[0] - scored[1]) < 1e-6
    must, found, _ = telos.refuses("export", model, "--to", "onx", "--out", tmp_path / "x")
    assert "arpa" in must + found
    must, _, fix = telos.refuses("import", first, "--out", tmp_path / "closed")
    assert must == "an ARPA file must list <unk>, which stands for every word that it does not"
    assert "--tokenizer DIR" in fix
