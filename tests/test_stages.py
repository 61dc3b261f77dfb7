"""What the stages are asked for."""

import pytest

from telos.recipe import Run
from telos.stages import prepare


@pytest.mark.parametrize(("objective", "words"), [("classification", True), ("causal", False)])
def test_labels_are_learned_from_words(tmp_path, objective, words):
    rows = "".join(f"{n % 2},{'wonderful' if n % 2 else 'terrible'} film number {n}\n" for n in range(60))
    (tmp_path / "some.csv").write_text("label,text\n" + rows)
    recipe = Run.parse({"corpus": {"kind": "files", "path": str(tmp_path / "some.csv"), "label_field": "label"},
                        "model": {"kind": "rnn"}, "objective": {"kind": objective}})  # fmt: skip
    prepared = prepare(recipe, tmp_path / "run")
    assert (prepared.tokenizer.vocabulary.size > 258) == words
