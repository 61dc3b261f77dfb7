"""Sequence to sequence: examples by hand, the loss pair by pair, shift, loss and gradient of transformers' T5, any split."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.lstm import LSTM
from telos.models.ngram import NGram
from telos.models.seq2seq import Seq2Seq
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.sequence_to_sequence import SequenceToSequence
from telos.tokens.batches import Row
from telos.tokens.vocabulary import BEGIN_OF_TEXT, END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable

VOCABULARY = Vocabulary(30, "test", {END_OF_TEXT: 30})
PAIRS = [([3, 4, 5], [7, 8]), ([9], [1, 2, 3, 4, 5]), ([6, 6], []), ([1, 2, 3, 4, 5, 6, 7], [2])]


def _row(source, target, number=0):
    target = None if target is None else np.array(target, np.uint16)
    return Row(np.array(source, np.uint16), 30, np.full(len(source), 12, np.int64), number, target=target)


def _example(source, target, **settings):
    return SequenceToSequence(**settings).examples(_row(source, target), np.random.default_rng(0), VOCABULARY)


def _network():
    made = Seq2Seq(hidden_size=12, dropout=0).build(VOCABULARY, seed=1)
    with torch.no_grad():
        for i, parameter in enumerate(made.parameters()):
            parameter.normal_(0, 0.4, generator=torch.Generator().manual_seed(i))
    return made


@pytest.mark.parametrize("ended", [False, True])
def test_the_decoder_reads_the_target_behind_an_end_of_text(ended):
    more = [30] * ended
    example = _example([3, 4, 5, *more], [7, 8, *more])
    assert {name: column.tolist() for name, column in example.items()} == {
        "tokens": [30, 7, 8], "targets": [7, 8, 30], "segments": [0, 0, 0], "weights": [1, 1, 1],
        "source": [3, 4, 5, 30], "source_lengths": 4,
    }  # fmt: skip


def test_the_decoder_starts_with_a_tokenizers_own_begin_of_text():
    vocabulary = VOCABULARY.with_specials((BEGIN_OF_TEXT,))
    example = SequenceToSequence().examples(_row([3], [7, 8]), np.random.default_rng(0), vocabulary)
    assert (example["tokens"].tolist(), example["targets"].tolist()) == ([31, 7, 8], [7, 8, 30])


def test_an_empty_target_is_its_end():
    assert (_example([3], [])["tokens"].tolist(), _example([3], [])["targets"].tolist()) == ([30], [30])


def test_a_target_that_is_cut_is_not_taught_to_end_there():
    assert _example([3], [1, 2, 3, 4, 5], max_target_tokens=3)["targets"].tolist() == [1, 2, 3]
    assert _example([3], [1, 2], max_target_tokens=3)["targets"].tolist() == [1, 2, 30]


def test_a_source_that_was_cut_still_fits_with_its_end():
    assert SequenceToSequence().raw_length(16) == 15
    assert len(_example(list(range(15)), [1])["source"]) == 16


def test_the_shift_is_that_of_transformers_t5():
    from transformers import T5Config, T5ForConditionalGeneration

    theirs = T5ForConditionalGeneration(T5Config(vocab_size=31, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2,
                                                 decoder_start_token_id=30, pad_token_id=30, eos_token_id=30))  # fmt: skip
    example = _example([3, 4], [7, 8, 9])
    shifted = theirs.prepare_decoder_input_ids_from_labels(torch.from_numpy(example["targets"])[None])
    assert shifted[0].tolist() == example["tokens"].tolist()


def test_loss_and_gradient_are_those_of_transformers_t5(tmp_path):
    """Its mean over the labels of a padded batch; the embedding that source, target and output share has all of the gradient."""
    from transformers import T5Config, T5ForConditionalGeneration

    from telos.models.hugging_face import load_network

    torch.manual_seed(0)
    config = T5Config(vocab_size=31, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, dropout_rate=0.0,
                      decoder_start_token_id=30, pad_token_id=30, eos_token_id=30)  # fmt: skip
    theirs = T5ForConditionalGeneration(config)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    theirs.save_pretrained(tmp_path)
    ours = load_network(tmp_path, VOCABULARY)
    batch = collate([_example(*pair) for pair in PAIRS])
    total, coefficient = SequenceToSequence().loss(ours, batch, np.random.default_rng(0)).terms["nll"]
    mean = coefficient * total / SequenceToSequence().weights(batch)["nll"]
    mean.backward()

    seen = torch.arange(batch["source"].shape[1]) < batch["source_lengths"][:, None]
    labels = batch["targets"].masked_fill(batch["weights"] == 0, -100)
    expected = theirs(
        input_ids=batch["source"], attention_mask=seen.long(), decoder_input_ids=batch["tokens"], labels=labels
    ).loss
    expected.backward()
    assert mean.item() == pytest.approx(expected.item(), rel=1e-5)
    [embedding] = [p for p in ours.parameters() if p.shape == (31, 16)]
    torch.testing.assert_close(embedding.grad, theirs.shared.weight.grad, atol=1e-5, rtol=1e-4)


def test_the_loss_is_that_of_each_pair_alone():
    network, objective = _network(), SequenceToSequence()
    batch = collate([_example(*pair) for pair in PAIRS])
    total, coefficient = objective.loss(network, batch, np.random.default_rng(0)).terms["nll"]
    expected = 0.0
    for source, target in PAIRS:
        inputs = Inputs(torch.tensor([[30, *target]]), source_BS=torch.tensor([[*source, 30]]))
        logits = network.over_logits(network.hidden(inputs), lambda z: z)[0]
        expected += torch.nn.functional.cross_entropy(logits, torch.tensor([*target, 30]), reduction="sum").item()
    assert coefficient * total.item() == pytest.approx(expected, rel=1e-5)
    assert objective.weights(batch) == {"nll": sum(len(target) + 1 for _, target in PAIRS)}
    nats, tokens = objective.measure(network, batch, np.random.default_rng(0))["nats_per_target_token"]
    assert nats.sum().item() == pytest.approx(expected, rel=1e-5)
    assert tokens.tolist() == [len(target) + 1 for _, target in PAIRS]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_gradients_are_equal_for_any_split(size):
    def gradients(size):
        network = Trainable(_network(), None)
        batch = collate([_example(*pair) for pair in PAIRS])
        slices = [slice(at, at + size) for at in range(0, 4, size)]
        accumulate(network, SequenceToSequence(), batch, slices, seed=1, step=0)
        return {name: p.grad for name, p in network.named_parameters()}

    whole = gradients(4)
    for name, gradient in gradients(size).items():
        torch.testing.assert_close(gradient, whole[name], atol=1e-6, rtol=1e-5)


def test_bad_input_is_refused():
    with pytest.raises(TelosError) as error:
        _example([3], None)
    assert error.value.must == "objective 'sequence_to_sequence' needs documents with a target"
    assert error.value.found == "document 12 has none"
    assert error.value.fix == "name the target's column: corpus.target_field=NAME"
    with pytest.raises(TelosError) as error:
        SequenceToSequence().check(Seq2Seq(context_length=64))
    assert error.value.must == "objective.max_target_tokens must be at most model.context_length (64)"
    assert "set objective.max_target_tokens=64" in error.value.fix
    with pytest.raises(TelosError) as error:
        SequenceToSequence().check(Transformer())
    assert error.value.must == "objective 'sequence_to_sequence' needs a model with encoder_decoder attention"
    assert error.value.fix == "set model.architecture=encoder_decoder, or choose another objective"
    with pytest.raises(TelosError) as error:
        SequenceToSequence().check(LSTM())
    assert error.value.fix == "set model=transformer model.architecture=encoder_decoder, or choose another objective"
    with pytest.raises(TelosError) as error:
        SequenceToSequence().check(NGram())
    assert error.value.found == "'ngram' learns by counting"
