"""Budgets of a comparison, and the operations of a step."""

import pytest
import torch

from telos.foundation.errors import TelosError
from telos.lab.budget import Budget, step_flops
from telos.recipe import Run
from telos.stages import prepare


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("3m", 180, "seconds"), ("5M tokens", 5e6, "tokens"), ("1e15 FLOPs", 1e15, "FLOPs"), ("2 PFLOPs", 2e15, "FLOPs"),
     ("1.5e6 flops", 1.5e6, "FLOPs"), ("200Gflop", 2e11, "FLOPs")],
)  # fmt: skip
def test_time_tokens_and_operations(text, value, unit):
    budget = Budget.parse(text)
    assert (budget.value, budget.unit) == (value, unit)
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize(
    ("text", "shown"),
    [("5e9 FLOPs", "5 GFLOPs"), ("5000000000 FLOPs", "5 GFLOPs"), ("1e15 FLOPs", "1 PFLOPs"), ("2e21 FLOPs", "2000 EFLOPs"),
     ("999 FLOPs", "999 FLOPs"), ("0.5 FLOPs", "0.5 FLOPs"), ("1234567 FLOPs", "1.234567 MFLOPs"), ("3m", "3m")],
)  # fmt: skip
def test_it_is_shown_as_people_read_it_and_to_the_last_digit(text, shown):
    assert str(Budget.parse(text)) == shown
    assert Budget.parse(shown).value == pytest.approx(Budget.parse(text).value, rel=1e-14)


@pytest.mark.parametrize("text", ["100 steps", "2 epochs", "10%", "soon", "1e15 flips"])
def test_what_is_not_the_same_for_all_is_refused(text):
    with pytest.raises(TelosError) as error:
        Budget.parse(text)
    assert error.value.must == "a comparison must have a budget in time, tokens or FLOPs, equal for all recipes"
    assert error.value.found == repr(text)


def test_nothing_is_refused():
    with pytest.raises(TelosError, match="a budget must be more than nothing"):
        Budget.parse("0 FLOPs")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "a.txt").write_text("the cat sees the dog, 猫看见狗。" * 300, encoding="utf-8")
    return {"kind": "files", "path": str(folder / "a.txt")}


def recipe(texts, **parts):
    settings = {"corpus": texts, "tokenizer": "byte", "train": {"batch_tokens": 64, "budget": "5 steps"}} | parts
    return Run.parse(settings)


def test_operations_of_a_step_by_hand(texts, tmp_path):
    width, layers, heads, length, rows = 16, 2, 2, 16, 4
    run = recipe(texts, model={"kind": "transformer", "num_layers": layers, "hidden_size": width, "num_heads": heads,
                               "context_length": length, "tie_embeddings": False})  # fmt: skip
    prepared = prepare(run, tmp_path)
    network = run.model.build(prepared.tokenizer.vocabulary, 1)
    products = sum(p.numel() for name, p in network.named_parameters() if p.ndim == 2 and "embed" not in name)
    attention = layers * 2 * rows * heads * (width // heads) * length**2 * 2  # q kᵀ and weights v: 2 FLOPs a product
    forward = 2 * products * rows * length + attention
    counted = step_flops(run, prepared)
    # Backward takes twice that, and some kernels compute the products of attention or of the loss a second time.
    assert 3 * forward <= counted <= 3.5 * forward


def test_a_second_network_counts(texts, tmp_path):
    model = {"kind": "transformer", "architecture": "encoder", "num_layers": 1, "hidden_size": 16, "num_heads": 2,
             "context_length": 16}  # fmt: skip
    one = recipe(texts, model=model, objective="masked")
    two = recipe(texts, model=model, objective="replaced_token")
    prepared = prepare(one, tmp_path)
    assert step_flops(two, prepared) > 1.2 * step_flops(one, prepared)


SMALL = {"kind": "transformer", "num_layers": 1, "hidden_size": 16, "num_heads": 2, "context_length": 16, "dropout": 0.1}


def test_what_a_term_asks_for_counts(texts, tmp_path):
    plain, smooth, twice = (recipe(texts, model=SMALL, objective={"kind": "causal", "terms": terms})
                            for terms in ([], ["label_smoothing"], ["r_drop"]))  # fmt: skip
    prepared = prepare(plain, tmp_path)
    one = step_flops(plain, prepared)
    assert step_flops(smooth, prepared) == pytest.approx(one, rel=0.2)  # the output layer once more for the gradient, or not
    assert step_flops(twice, prepared) > 1.7 * one


def mixed(*weights, by="step"):
    objectives = ("causal", {"kind": "multi_token", "tokens": 3})
    return {"kind": "mix", "by": by,
            "parts": [{"objective": one, "weight": weight} for one, weight in zip(objectives, weights, strict=True)]}  # fmt: skip


def test_a_mix_counts_its_parts_in_their_shares(texts, tmp_path):
    """Whatever part the first step is drawn for."""
    runs = [recipe(texts, model=SMALL, objective=one) for one in ("causal", {"kind": "multi_token", "tokens": 3})]
    prepared = prepare(runs[0], tmp_path)
    first, second = (step_flops(run, prepared) for run in runs)
    assert second > 1.2 * first
    for seed in (1, 2, 3, 4):
        for by, wanted in (
            ("step", 0.75 * first + 0.25 * second),
            ("row", 0.75 * first + 0.25 * second),
            ("sum", first + second),
        ):
            run = recipe(texts, model=SMALL, objective=mixed(3, 1, by=by), train={"batch_tokens": 64, "seed": seed})
            assert step_flops(run, prepared) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("budget", ["1e9 FLOPs", "5M tokens"])
def test_weights_that_change_count_over_the_whole_budget(texts, tmp_path, budget):
    budget = Budget.parse(budget)
    share = recipe(texts, model=SMALL, objective=mixed(1, {"first": 0, "last": 1, "begin": "0%", "end": "50%"}, by="sum"))
    prepared = prepare(share, tmp_path)
    alone = [step_flops(recipe(texts, model=SMALL, objective=mixed(*weights)), prepared) for weights in ((1, 0), (0, 1))]
    # From the first moment on the second has a weight; in its steps only from the 40th on.
    assert step_flops(share, prepared, budget) == pytest.approx(sum(alone), rel=1e-9)
    late = recipe(
        texts, model=SMALL, objective=mixed(1, {"first": 0, "last": 1, "begin": "40 steps", "end": "90 steps"}, by="sum")
    )
    found = step_flops(late, prepared, budget)
    steps = budget.value / (found if budget.unit == "FLOPs" else 64)
    assert found == pytest.approx(alone[0] + max(0, 1 - 40.5 / steps) * alone[1], rel=0.02)
    assert step_flops(late, prepared, Budget.parse("3m")) is None


def test_a_family_without_matrix_products(texts, tmp_path):
    run = recipe(texts, model={"kind": "softmax_regression", "window": 2, "context_length": 16})
    prepared = prepare(run, tmp_path)
    network = run.model.build(prepared.tokenizer.vocabulary, 1)
    assert step_flops(run, prepared) == 3 * network.flops_per_token(16) * 64 > 0


def test_counting_has_no_steps(texts, tmp_path):
    run = recipe(texts, model={"kind": "ngram"})
    assert step_flops(run, prepare(run, tmp_path)) is None
    assert Budget.parse("1e9 FLOPs").within(run, None) is run


def test_as_many_steps_as_fit(texts):
    run = recipe(texts)
    assert str(Budget.parse("1e9 FLOPs").within(run, 1e7).training.budget) == "100 steps"
    assert Budget.parse("5M tokens").within(run, 1e7) is run
    with pytest.raises(TelosError) as error:
        Budget.parse("1e6 FLOPs").within(run, 1e7)
    assert error.value.must == "a budget must hold a training step, here of 10MFLOPs"
    assert "at least 1e+07 FLOPs" in error.value.fix


def test_nothing_is_drawn_from_global_state(texts, tmp_path):
    run = recipe(texts, model={"kind": "gru", "hidden_size": 8, "context_length": 16})
    prepared = prepare(run, tmp_path)
    assert step_flops(run, prepared) == step_flops(run, prepared) > 0
    assert torch.is_grad_enabled()
