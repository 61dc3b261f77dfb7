"""Each architecture against transformers' own small random models: the same logits, hidden states and training step, both
ways."""

import pytest
import torch
import transformers
from safetensors.torch import load_file

from telos.models import Inputs
from telos.models.hugging_face import ARCHITECTURES, load_model, save_model
from tests.models.hugging_face.reference import (
    CASES,
    TOKENIZER,
    WITH_CHANGES,
    answer,
    imported,
    inputs,
    logits,
    name,
    tokens,
)

CLOSE = 1e-5
"""Largest error, relative to the largest value beside it."""


def assert_close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert found.shape == wanted.shape
    assert wanted.std() > 1e-3
    assert (found - wanted).abs().max() <= CLOSE * wanted.abs().max().clamp(min=1)


def test_every_architecture_has_a_case():
    assert {case.name for case in CASES} == set(ARCHITECTURES)


@pytest.mark.parametrize(("case", "change"), WITH_CHANGES, ids=name)
@torch.no_grad()
def test_logits_and_hidden_states_of_their_model(case, change, tmp_path):
    model = case.model(change)
    network = imported(model, tmp_path)
    theirs = answer(case, model, tokens())
    hidden = network.hidden(inputs(case, tokens()))
    last = theirs.decoder_hidden_states[-1] if case.seq2seq else theirs.hidden_states[-1]
    assert_close(hidden.values_BTD, last)
    assert_close(logits(network, inputs(case, tokens())), theirs.logits)


@pytest.mark.parametrize(("case", "change"), WITH_CHANGES, ids=name)
def test_there_and_back_again_is_the_same_to_the_bit(case, change, tmp_path):
    network = imported(case.model(change), tmp_path / "theirs")
    first, second = tmp_path / "first", tmp_path / "second"
    save_model(network, TOKENIZER, first, card="", lineage={})
    again, _ = load_model(first)
    assert again.spec.resolved() == network.spec.resolved()
    save_model(again, TOKENIZER, second, card="", lineage={})
    for file in ("model.safetensors", "config.json"):
        assert (first / file).read_bytes() == (second / file).read_bytes()
    theirs = load_file(tmp_path / "theirs" / "model.safetensors")
    for tensor, value in load_file(first / "model.safetensors").items():
        assert torch.equal(value, theirs[tensor]), tensor


@pytest.mark.parametrize("case", CASES, ids=name)
@torch.no_grad()
def test_our_folder_in_transformers(case, tmp_path):
    network = imported(case.model({}), tmp_path / "theirs")
    save_model(network, TOKENIZER, tmp_path / "ours", card="", lineage={})
    model, report = getattr(transformers, case.name).from_pretrained(
        tmp_path / "ours", dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert_close(logits(network, inputs(case, tokens())), answer(case, model.eval(), tokens()).logits)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_one_step_of_adamw_gives_the_same_weights(case, tmp_path):
    """eps is large enough that a gradient of rounding alone, whose sign is chance, moves nothing."""
    model = case.model({})
    network = imported(model, tmp_path)
    targets = tokens(seed=2)
    theirs = torch.nn.functional.cross_entropy(answer(case, model, tokens()).logits.flatten(0, 1), targets.flatten())
    ours = network.nll(network.hidden(inputs(case, tokens())), targets).mean()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    moved = []
    for loss, one in ((theirs, model), (ours, network)):
        loss.backward()
        before = {key: value.detach().clone() for key, value in one.named_parameters()}
        torch.optim.AdamW(one.parameters(), lr=0.01, eps=1e-3).step()
        moved.append(sum(float((value.detach() - before[key]).norm()) for key, value in one.named_parameters()))
    assert min(moved) > 0.1
    model.save_pretrained(tmp_path / "after")
    after = load_file(tmp_path / "after" / "model.safetensors")
    known = ARCHITECTURES[case.name]
    for key, value in known.to_theirs({k: p.detach() for k, p in network.named_parameters()}).items():
        assert (value - after[key]).abs().max() <= 1e-5, key


@pytest.mark.parametrize("case", [case for case in CASES if not case.bidirectional], ids=name)
@torch.no_grad()
def test_decoding_with_a_state_equals_the_whole(case, tmp_path):
    for change in ({}, *case.changes[-2:]):
        network = imported(case.model(change), tmp_path)
        read = inputs(case, tokens())
        wanted = logits(network, read)
        for steps in ([1] * 40, [17, 1, 1, 20, 1], [40]):
            state, parts = network.new_state(3, 40), []
            for place, part in enumerate(tokens().split(steps, dim=1)):
                source = read.source_BS if place == 0 else None
                parts.append(logits(network, Inputs(part, pattern=read.pattern, source_BS=source), state))
            assert (torch.cat(parts, 1) - wanted).abs().max() <= 1e-4


@pytest.mark.parametrize("case", [case for case in CASES if not case.bidirectional], ids=name)
@torch.no_grad()
def test_changing_a_token_changes_nothing_before_it(case, tmp_path):
    network, changed = imported(case.model({}), tmp_path), tokens()
    changed[:, 21] = (changed[:, 21] + 1) % 257
    before, after = logits(network, inputs(case, tokens())), logits(network, inputs(case, changed))
    assert (before - after)[:, :21].abs().max() <= 1e-5
    assert (before - after)[:, 21:].abs().amax(-1).min() > 1e-5


@pytest.mark.parametrize("case", CASES, ids=name)
@torch.no_grad()
def test_padding_changes_nothing(case, tmp_path):
    """Padded on the right: by a segment of its own in a text, by lengths in a source; as their attention mask does."""
    model = case.model({})
    network = imported(model, tmp_path)
    lengths = torch.tensor([40, 13, 28])
    read = inputs(case, tokens())
    read.segments_BT = (torch.arange(40) >= lengths[:, None]).int()
    found = logits(network, read)
    for row, length in enumerate(lengths):
        alone = inputs(case, tokens())
        alone.tokens_BT = alone.tokens_BT[row : row + 1, :length]
        if alone.source_BS is not None:
            alone.source_BS = alone.source_BS[row : row + 1]
        assert (found[row : row + 1, :length] - logits(network, alone)).abs().max() <= 1e-4
    if case.seq2seq:
        source = torch.tensor([21, 9, 15])
        read = inputs(case, tokens())
        read.source_lengths_B = source
        mask = (torch.arange(21) < source[:, None]).long()
        assert_close(logits(network, read), answer(case, model, tokens(), attention_mask=mask).logits)
    elif case.bidirectional:
        mask = (torch.arange(40) < lengths[:, None]).long()
        wanted = answer(case, model, tokens(), attention_mask=mask).logits
        for row, length in enumerate(lengths):
            assert_close(found[row, :length], wanted[row, :length])
