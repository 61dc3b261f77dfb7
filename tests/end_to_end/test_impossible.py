"""A model without smoothing on text that it has not seen: infinite, said in words, and no number that JSON does not have."""

import json


def test_infinite_is_said_and_left_out(telos, texts, tmp_path):
    words = ["model.kind=ngram", "model.order=12", "model.smoothing=maximum_likelihood", "tokenizer.vocab_size=400"]
    done = telos("run", texts, "--budget", "1m", "--out", tmp_path / "run", *words, "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["impossible_tokens"] > 0
    assert facts["baselines"].keys() >= {"gzip", "5_gram"}
    assert "bits_per_byte" not in facts
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["notes"][0].startswith("The bits per byte are infinite: the model gives probability 0 to ")
    assert {rung["verdict"] for rung in report["baselines"]} == {"worse"}
    page = (tmp_path / "run/report.html").read_text()
    assert "The bits per byte are infinite" in page
    unseen = tmp_path / "unseen.txt"
    unseen.write_text("Zebras quarrelled. 斑马争吵。")
    scored = telos("score", tmp_path / "run/model", unseen)
    assert scored.stdout.startswith("The bits per byte are infinite: the model gives probability 0 to ")
    for shown in (done.stdout.splitlines()[-1], json.dumps(report)):
        assert not {"null", "Infinity", "NaN"} & set(shown.replace(",", " ").replace(":", " ").replace("}", " ").split())
    facts = telos.answer("score", tmp_path / "run/model", unseen)
    assert facts["impossible_tokens"] > 0
    assert "bits_per_byte" not in facts
    assert None not in facts.values()
