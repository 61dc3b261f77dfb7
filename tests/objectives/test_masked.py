"""Masked language modelling: shares against transformers' collator, the loss against transformers' BERT."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Hidden
from telos.models.seq2seq import Seq2Seq
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.masked import MASK, Masked
from telos.objectives.replaced_token import ReplacedToken
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(30, "test", {END_OF_TEXT: 30}).with_specials((MASK,))


def _row(tokens, documents=None):
    documents = np.zeros(len(tokens), np.int64) if documents is None else np.array(documents)
    return Row(np.array(tokens, np.uint16), 30, documents, 0)


def _example(row, seed=0, **settings):
    return Masked(**settings).examples(row, np.random.default_rng(seed), VOCABULARY)


def test_it_appends_its_token_and_needs_a_model_that_looks_both_ways():
    assert Masked().special_tokens() == ("<|mask|>",)
    with pytest.raises(TelosError) as error:
        Masked().check(Seq2Seq())
    assert error.value.must == "objective 'masked' needs a model with bidirectional attention"
    assert error.value.found == "'seq2seq' has encoder_decoder"
    assert error.value.fix == "set model=transformer, or choose another objective"


@pytest.mark.parametrize("fraction", [0.15, 0.4, 0.9])
def test_the_share_is_that_asked_for_and_ends_are_never_hidden(fraction):
    tokens = [*range(20), 30, *range(9), 30]
    example = _example(_row(tokens, [5] * 21 + [2] * 10), mask_fraction=fraction)
    assert example["weights"].sum() == round(fraction * 29)
    assert example["targets"].tolist() == tokens
    shown = example["weights"] == 0
    assert example["tokens"][shown].tolist() == np.array(tokens)[shown].tolist()
    assert example["weights"][[20, 30]].tolist() == [0, 0]
    assert example["segments"].tolist() == [1] * 21 + [2] * 10


def test_at_least_one_token_is_hidden_and_none_where_there_is_none():
    assert _example(_row([4, 30]))["weights"].tolist() == [1, 0]
    assert _example(_row([30]))["weights"].tolist() == [0]


@pytest.mark.parametrize("objective", [Masked, ReplacedToken])
def test_at_least_one_token_is_seen(objective):
    rng = np.random.default_rng(0)
    example = objective(mask_fraction=0.99).examples(_row([*range(5), 30]), rng, VOCABULARY)
    assert example["weights"].sum() == 4
    with pytest.raises(TelosError, match="mask_fraction: must be less than 1"):
        objective(mask_fraction=1)
    with pytest.raises(TelosError) as error:
        objective().check(Transformer(context_length=1))
    assert error.value.must == f"objective '{objective.kind()}' needs rows of at least 2 tokens of text"
    assert error.value.found == "model.context_length=1 has room for 1"


def test_each_draw_hides_others():
    first, second = (_example(_row(range(30)), seed) for seed in (0, 1))
    assert first["weights"].tolist() != second["weights"].tolist()
    assert first["tokens"].tolist() == _example(_row(range(30)), 0)["tokens"].tolist()


@pytest.mark.parametrize(
    "settings", [{}, {"random_fraction": 0.3}, {"keep_fraction": 0.5}, {"random_fraction": 0, "keep_fraction": 0}]
)
def test_what_is_shown_has_the_shares_of_transformers_collator(settings):
    """Shares of <|mask|>, of another token and of the token itself among hidden ones, over 60,000 hidden tokens each."""
    objective, large = Masked(mask_fraction=0.5, **settings), Vocabulary(2000, "test", {END_OF_TEXT: 2000}).with_specials((MASK,))
    row = _row(np.random.default_rng(1).integers(0, 2000, 120_000))
    example = objective.examples(row, np.random.default_rng(2), large)
    hidden = example["weights"] > 0
    ours = _shares(example["tokens"][hidden], example["targets"][hidden])

    from transformers import BertTokenizerFast, DataCollatorForLanguageModeling

    words = {f"w{i}": i for i in range(2000)} | {"[PAD]": 2000, "[MASK]": 2001}
    pads = dict.fromkeys(("pad_token", "cls_token", "sep_token"), "[PAD]")
    known = BertTokenizerFast(vocab=words, mask_token="[MASK]", unk_token="w0", **pads)
    masks = 1 - objective.random_fraction - objective.keep_fraction
    collator = DataCollatorForLanguageModeling(
        known, mlm_probability=0.5, mask_replace_prob=masks, random_replace_prob=objective.random_fraction, seed=3
    )
    made, labels = collator.torch_mask_tokens(torch.from_numpy(row.tokens.astype(np.int64))[None])
    chosen = labels[0] != -100
    theirs = _shares(made[0][chosen].numpy(), labels[0][chosen].numpy())
    assert ours == pytest.approx(theirs, abs=0.012)
    assert ours == pytest.approx((masks, objective.random_fraction, objective.keep_fraction), abs=0.008)


def _shares(shown, true):
    return ((shown == 2001).mean(), ((shown != 2001) & (shown != true)).mean(), (shown == true).mean())


class Bert:
    """transformers' BERT behind the interface of a network."""

    def __init__(self):
        from transformers import BertConfig, BertForMaskedLM

        torch.manual_seed(0)
        self.bert = BertForMaskedLM(BertConfig(vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                               intermediate_size=24, max_position_embeddings=16)).eval()  # fmt: skip
        self.read = None

    def hidden(self, inputs, state=None):
        self.read = inputs
        return Hidden(self.bert.bert(inputs.tokens_BT).last_hidden_state)

    def nll(self, hidden, targets):
        logits = self.bert.cls(hidden.values_BTD)
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)


def test_the_loss_is_that_of_transformers_bert():
    network, objective = Bert(), Masked(mask_fraction=0.4)
    rows = [_row(range(10)), _row(range(10, 20))]
    batch = collate([objective.examples(row, np.random.default_rng(i), VOCABULARY) for i, row in enumerate(rows)])
    total, coefficient = objective.loss(network, batch, np.random.default_rng(0)).terms["nll"]
    assert network.read.pattern == "bidirectional"
    assert network.read.segments_BT.tolist() == [[1] * 10] * 2
    labels = batch["targets"].masked_fill(batch["weights"] == 0, -100)
    expected = network.bert(batch["tokens"], labels=labels).loss
    assert objective.weights(batch) == {"nll": 8.0}
    torch.testing.assert_close(coefficient * total / 8, expected, atol=1e-5, rtol=1e-5)
    nats, hidden = objective.measure(network, batch, np.random.default_rng(0))["nats_per_hidden_token"]
    assert hidden.tolist() == [4, 4]
    assert nats.sum().item() == pytest.approx(total.item(), rel=1e-5)
    alone = [network.bert(batch["tokens"][i : i + 1], labels=labels[i : i + 1]).loss.item() for i in range(2)]
    assert (nats / hidden).tolist() == pytest.approx(alone, rel=1e-5)


def test_padding_is_no_documents_and_weighs_nothing():
    batch = collate([_example(_row(range(8))), _example(_row([1, 2]))])
    assert batch["segments"].tolist() == [[1] * 8, [1, 1, 0, 0, 0, 0, 0, 0]]
    assert batch["weights"][1].sum() == 1


def test_fractions_above_one_are_refused():
    with pytest.raises(TelosError) as error:
        Masked(random_fraction=0.7, keep_fraction=0.4)
    assert "random_fraction (0.7) and keep_fraction (0.4) must add up to at most 1" in str(error.value)
