"""Training in lanes: the state that a row left is what the next one goes on from, also over micro-batches and resumes."""

import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from telos.foundation.errors import TelosError
from telos.models import Inputs, Model
from telos.objectives.causal import Causal
from telos.tokens.lanes import Lanes
from telos.train.gradients import accumulate
from telos.train.loader import Loader
from telos.train.trainable import LANES, Trainable

KINDS = [kind for kind in Model.kinds() if Model.member(kind).carries_state]
SMALL = {"num_layers": 2, "hidden_size": 12, "context_length": 24}


def network(kind, vocabulary, **settings):
    """Weights of ordinary size: a fresh output layer is zero."""
    known = {name: value for name, value in (SMALL | settings).items() if name in Model.member(kind).model_fields}
    made = Model.parse({"kind": kind} | known).build(vocabulary)
    with torch.no_grad():
        for index, parameter in enumerate(made.parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index)) * 0.1)
    return made


def loader(store, vocabulary, raw_length=24, objective=None):
    return Loader(Lanes(store, raw_length, 4, 1), objective or Causal(), vocabulary, 1, torch.device("cpu"))


@pytest.fixture(autouse=True)
def every_row_goes_on(monkeypatch):
    monkeypatch.setattr("telos.tokens.lanes.ANEW", 0.0)


def test_there_are_kinds_that_carry_a_state():
    assert {"rnn", "lstm", "gru"} <= set(KINDS)


@pytest.mark.parametrize("mask_documents", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_losses_are_those_of_each_lane_read_at_once(store, tokenizer, kind, mask_documents):
    """A whole epoch: rows that begin a document, rows that go on, and short ones at the end."""
    made, objective = network(kind, tokenizer.vocabulary), Causal(mask_documents=mask_documents)
    drawn = loader(store, tokenizer.vocabulary, 7, objective)
    model, found = Trainable(made, None, 4), []
    steps = drawn.batches.steps_per_epoch
    for step in range(steps):
        _, batch = drawn.build(step)
        loss = accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=step)
        found.append(loss.terms["nll"] * objective.weights(batch)["nll"])
    batches = [drawn.batches.batch_at(step) for step in range(steps)]
    begun = sum(row.previous == store.end_of_text for batch in batches[1:] for row in batch)
    assert begun > 0, "the text must have a row that begins a document"
    wanted = np.zeros(steps)
    for lane in range(4):
        tokens = np.concatenate([batch[lane].tokens for batch in batches]).astype(np.int64)
        inputs = np.concatenate([[batches[0][lane].previous], tokens[:-1]])
        documents = np.concatenate([batch[lane].documents for batch in batches])
        segments = np.cumsum(np.diff(documents, prepend=documents[0]) != 0).astype(np.int32) * mask_documents
        with torch.no_grad():
            hidden = made.hidden(Inputs(torch.from_numpy(inputs)[None], segments_BT=torch.from_numpy(segments)[None]))
            nll = made.nll(hidden, torch.from_numpy(tokens)[None])[0]
        ends = np.cumsum([len(batch[lane].tokens) for batch in batches])
        wanted += [float(part.sum()) for part in np.split(nll.numpy(), ends[:-1])]
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_micro_batches_change_neither_gradients_nor_states(store, tokenizer, kind):
    drawn, results = loader(store, tokenizer.vocabulary), []
    for slices in ([slice(0, 4)], [slice(0, 1), slice(1, 4)]):
        made = network(kind, tokenizer.vocabulary)
        model = Trainable(made, None, 4)
        for step in range(3):
            _, batch = drawn.build(step)
            accumulate(model, Causal(), batch, slices, seed=1, step=step)
        results.append([model.lanes_BS, *(parameter.grad for parameter in made.parameters())])
    assert results[0][0].abs().max() > 0.01
    for whole, parts in zip(*results, strict=True):
        assert (whole - parts).double().norm() <= 1e-5 * whole.double().norm()


def test_a_row_that_continues_nothing_starts_from_zero(store, tokenizer):
    """The state that is carried makes a difference, but only where the column says so."""
    made = network("lstm", tokenizer.vocabulary)
    _, batch = loader(store, tokenizer.vocabulary).build(1)
    batch.columns["continues"] = torch.tensor([True, False, True, False])
    found = []
    for lanes in (torch.zeros(4, 48), torch.full((4, 48), 0.7)):
        model = Trainable(made, None, 4)
        model.lanes_BS = lanes
        with torch.no_grad(), model.reading(slice(0, 4), batch):
            found.append(model.hidden(Inputs(batch["tokens"])).values_BTD)
    differing = (found[0] - found[1]).abs().amax((1, 2)) > 1e-3
    assert differing.tolist() == [True, False, True, False]


def test_the_state_is_that_behind_the_last_token_not_behind_padding(store, tokenizer):
    made = network("gru", tokenizer.vocabulary)
    _, batch = loader(store, tokenizer.vocabulary).build(0)
    batch.columns["lengths"] = torch.tensor([24, 5, 1, 24])
    model = Trainable(made, None, 4)
    with torch.no_grad(), model.reading(slice(0, 4), batch):
        model.hidden(Inputs(batch["tokens"]))
        for row, length in enumerate((24, 5, 1, 24)):
            state = made.new_state(1, length)
            made.hidden(Inputs(batch["tokens"][row : row + 1, :length]), state)
            torch.testing.assert_close(model.lanes_BS[row], state.values_BS[0])


def test_no_gradient_goes_into_the_step_before(store, tokenizer):
    made = network("rnn", tokenizer.vocabulary)
    model, drawn = Trainable(made, None, 4), loader(store, tokenizer.vocabulary)
    accumulate(model, Causal(), drawn.build(0)[1], [slice(0, 4)], seed=1, step=0)
    assert not model.lanes_BS.requires_grad
    assert model.lanes_BS.grad_fn is None


def test_what_is_not_a_micro_batch_leaves_the_lanes_alone(store, tokenizer):
    made = network("gru", tokenizer.vocabulary)
    model, drawn = Trainable(made, None, 4), loader(store, tokenizer.vocabulary)
    accumulate(model, Causal(), drawn.build(0)[1], [slice(0, 4)], seed=1, step=0)
    before = model.lanes_BS.clone()
    with torch.no_grad():
        model.hidden(Inputs(torch.zeros(2, 5, dtype=torch.int64)))
    with model.lanes_as_they_were():
        accumulate(model, Causal(), drawn.build(1)[1], [slice(0, 4)], seed=1, step=1)
        assert not torch.equal(model.lanes_BS, before)
    assert torch.equal(model.lanes_BS, before)


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_gives_the_bits_of_an_unbroken_run(run, tokenizer, tmp_path, kind):
    """With every dropout on; stopped in the middle of an epoch, so that the states are needed."""
    settings = {"dropout": 0.2, "embedding_dropout": 0.1, "recurrent_dropout": 0.3}

    def made():
        return network(kind, tokenizer.vocabulary, **settings)

    def stop(network):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    whole = run(tmp_path / "a", made(), drawn=Lanes)
    first = run(tmp_path / "b", made(), drawn=Lanes, evaluate=stop, evaluate_every="5 steps")
    assert (first.step, first.stopped_by) == (5, "SIGTERM")
    second = run(tmp_path / "b", made(), drawn=Lanes)
    assert second.resumed_from == 5
    one, other = (load_file(outcome.checkpoint / "model.safetensors") for outcome in (whole, second))
    assert one[LANES].abs().max() > 0.01
    assert set(one) == set(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    forgetful = load_file(first.checkpoint / "model.safetensors")
    assert not torch.equal(forgetful[LANES], one[LANES])


def test_a_checkpoint_of_other_lanes_is_refused(run, tokenizer, tmp_path):
    run(tmp_path / "a", network("gru", tokenizer.vocabulary), drawn=Lanes, budget="2 steps")
    with pytest.raises(TelosError, match=r"lanes\.values differs"):
        run(tmp_path / "a", network("gru", tokenizer.vocabulary), budget="4 steps")


def test_a_loss_that_is_no_number_is_explained(run, tokenizer, tmp_path):
    made = network("lstm", tokenizer.vocabulary)
    with torch.no_grad():
        made.lm_head.weight[3] = float("nan")
    with pytest.raises(TelosError, match="the loss must be a finite number"):
        run(tmp_path / "a", made, drawn=Lanes)
