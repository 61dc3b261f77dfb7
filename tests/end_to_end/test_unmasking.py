"""A model of hidden tokens writes by unmasking, and is not taken for one that reads from left to right."""


def test_from_recipe_to_text(telos, texts, tmp_path):
    words = [*telos.small, "objective.kind=masked_diffusion", "train.budget=6 steps"]
    telos.answer("run", texts, *words, "--out", tmp_path / "run")
    model = tmp_path / "run" / "model"
    told = telos.answer("generate", model, "--prompt", "春", "--prompt", "The", "--max-tokens", "12", "--steps", "4")
    assert told["settings"]["steps"] == 4
    assert all(one["tokens"] <= 12 for one in told["generations"])
    again = telos.answer("generate", model, "--prompt", "春", "--max-tokens", "12", "--steps", "4")
    assert again["generations"][0]["text"] == told["generations"][0]["text"]
    assert telos("generate", model, "--prompt", "The", "--order", "confidence", "--max-tokens", "5").stdout.startswith("The")
    must, found, fix = telos.refuses("score", model, texts / "story-1.txt")
    assert must == "a model must have learned the likelihood of text to be scored or to write"
    assert "objective=masked_diffusion alone" in found
    assert "telos generate" in fix
    _, found, _ = telos.refuses("generate", model, "--order", "sideways")
    assert "sideways" in found


def test_steps_are_for_unmasking_alone(telos, texts, tmp_path):
    telos.answer("run", texts, *telos.small, "train.budget=2 steps", "evaluate.baselines=false", "--out", tmp_path / "r")
    must, found, _ = telos.refuses("generate", tmp_path / "r" / "model", "--steps", "4")
    assert must == "--steps is for a model that writes by unmasking"
    assert found.endswith("writes from left to right")


def test_a_model_that_only_fills_gaps_is_measured_instead(telos, texts, tmp_path):
    words = [*telos.small, "objective=masked", "train.budget=2 steps", "evaluate.baselines=false"]
    telos.answer("run", texts, *words, "--out", tmp_path / "r")
    for asked in (["generate", tmp_path / "r" / "model", "--steps", "4"], ["score", tmp_path / "r" / "model", texts]):
        must, found, fix = telos.refuses(*asked)
        assert must == "a model must have learned the likelihood of text to be scored or to write"
        assert found.endswith("was trained with objective=masked alone")
        assert fix.startswith("measure it (telos evaluate ")
