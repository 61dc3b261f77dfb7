"""Causal language modelling against transformers' loss."""

import numpy as np
import pytest
import torch

from telos.models.transformer import Transformer
from telos.objectives import Batch, collate
from telos.objectives.causal import Causal
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(30, "test", {END_OF_TEXT: 30})


def _row(tokens, previous=30, documents=None, number=0):
    documents = np.zeros(len(tokens), np.int64) if documents is None else np.array(documents)
    return Row(np.array(tokens, np.uint16), previous, documents, number)


def _example(row, **settings):
    return Causal(**settings).examples(row, np.random.default_rng(0), VOCABULARY)


def test_every_drawn_token_is_a_target_and_the_inputs_are_shifted_by_one():
    example = _example(_row([4, 5, 30, 7], previous=3, documents=[8, 8, 8, 9]))
    assert example["targets"].tolist() == [4, 5, 30, 7]
    assert example["tokens"].tolist() == [3, 4, 5, 30]
    assert example["segments"].tolist() == [0, 0, 0, 1]
    assert example["weights"].tolist() == [1, 1, 1, 1]


def test_documents_may_see_each_other_when_the_recipe_says_so():
    example = _example(_row([4, 30, 7], documents=[8, 8, 9]), mask_documents=False)
    assert example["segments"].tolist() == [0, 0, 0]


def test_padding_has_no_weight():
    batch = collate([_example(_row([1, 2, 3])), _example(_row([4]))])
    assert batch["weights"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert Causal().weights(batch) == {"nll": 4.0}


def test_weights_add_up_to_the_same_for_any_split():
    weights = np.random.default_rng(1).random((8, 4096), np.float32)
    whole = Causal().weights(Batch({"weights": torch.from_numpy(weights)}))["nll"]
    parts = sum(Causal().weights(Batch({"weights": torch.from_numpy(row[None])}))["nll"] for row in weights)
    assert whole == pytest.approx(weights.sum(dtype=np.float64), rel=1e-14)
    assert parts == pytest.approx(whole, rel=1e-14)


def test_the_loss_is_transformers_loss():
    from transformers import Qwen3Config, Qwen3ForCausalLM

    spec = Transformer(num_layers=2, hidden_size=24, num_heads=2, context_length=16)
    network = spec.build(VOCABULARY)
    with torch.no_grad():
        for i, parameter in enumerate(network.parameters()):
            parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(i))
    theirs = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=31, hidden_size=24, intermediate_size=spec.resolved_intermediate_size, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=12, max_position_embeddings=16, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0}, tie_word_embeddings=False)).eval()  # fmt: skip
    theirs.load_state_dict(network.state_dict())
    rows = [_row([1, 2, 3, 4, 5, 6], previous=9), _row([7, 8, 9, 10, 11, 12], previous=2)]
    batch = collate([_example(row) for row in rows])
    total, coefficient = Causal().loss(network, batch, np.random.default_rng(0)).terms["nll"]
    # transformers shifts by itself: give it the token before the row and all targets
    whole = torch.cat([batch["tokens"][:, :1], batch["targets"]], 1)
    expected = theirs(whole, labels=whole).loss
    torch.testing.assert_close(coefficient * total / Causal().weights(batch)["nll"], expected, atol=1e-5, rtol=1e-5)
