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


def test_words_are_marked_where_the_objective_asks_and_tokens_made_anew_then(tmp_path):
    """The tokenizer is the same, and what asks for no marks again is encoded without them."""
    (tmp_path / "some.txt").write_text("It was a day like any other. 任何公民享有权利。\n\n" * 40)
    settings = {"corpus": {"kind": "files", "path": str(tmp_path / "some.txt")}, "tokenizer": {"kind": "byte"},
                "model": {"kind": "transformer", "architecture": "encoder"}}  # fmt: skip
    made = []
    for hide in ("token", "word", "span", "token"):
        recipe = Run.parse(settings | {"objective": {"kind": "masked", "hide": hide}})
        stores = prepare(recipe, tmp_path / "run").stores
        assert {store.marks is not None for store in stores.values()} == {hide != "token"}
        made.append((tmp_path / "run/tokens/train/store.json").stat().st_mtime_ns)
    assert made[1] == made[2]
    assert len(set(made)) == 3
