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


def test_shared_stages_are_made_once(tmp_path):
    text = "".join(f"Story {n}: a sailor met {n} cats. 水手遇到{n}只猫。\n\n" for n in range(300))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    recipe = Run.parse({"corpus": {"kind": "files", "path": str(tmp_path / "text.txt")}, "tokenizer": "byte"})
    other = recipe.replace(tokenizer={"kind": "bpe", "vocab_size": 270})
    one, two = (prepare(recipe, tmp_path / name, tmp_path / "shared") for name in ("one", "two"))
    three = prepare(other, tmp_path / "three", tmp_path / "shared")
    assert one.stores["train"].read(0, 50).tolist() == two.stores["train"].read(0, 50).tolist()
    assert three.corpus.hash == one.corpus.hash
    corpora = list((tmp_path / "shared").glob("*/corpus"))
    assert len(corpora) == 1  # of three runs
    facts = [tmp_path / name / "corpus/corpus.json" for name in ("one", "two", "three")]
    assert {path.stat().st_ino for path in facts} == {(corpora[0] / "corpus.json").stat().st_ino}
    assert len(list((tmp_path / "shared").glob("*/tokenizer"))) == 2


def test_what_is_shared_and_damaged_is_made_anew(tmp_path):
    (tmp_path / "text.txt").write_text("Once upon a time. 从前有一个人。\n\n" * 300, encoding="utf-8")
    recipe = Run.parse({"corpus": {"kind": "files", "path": str(tmp_path / "text.txt")}, "tokenizer": "byte"})
    whole = prepare(recipe, tmp_path / "one", tmp_path / "shared").tokenizer.vocabulary
    (kept,) = (tmp_path / "shared").glob("*/tokenizer/telos_tokenizer.json")
    kept.unlink()
    kept.write_text("{}")
    assert prepare(recipe, tmp_path / "two", tmp_path / "shared").tokenizer.vocabulary == whole
