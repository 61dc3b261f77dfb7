"""Replaced-token detection: terms by hand, who learns from which, the detection loss of transformers' ELECTRA."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.models import Hidden, Inputs
from telos.models.lstm import LSTM
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.masked import MASK
from telos.objectives.replaced_token import ReplacedToken, _drawn
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.trainable import Trainable

VOCABULARY = Vocabulary(12, "test", {END_OF_TEXT: 12}).with_specials((MASK,))
SPEC = Transformer(architecture="encoder", num_layers=2, hidden_size=32, num_heads=4, context_length=32)


def _trainable(objective=None, spec=SPEC) -> Trainable:
    objective = objective or ReplacedToken()
    network = spec.build(VOCABULARY, 1)
    model = Trainable(network, objective.build(network, VOCABULARY))
    with torch.no_grad():
        for _, parameter in model.named_parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.2)
    return model


def _batch(rows=3, seed=0, **settings):
    objective = ReplacedToken(mask_fraction=0.4, **settings)
    drawn = np.random.default_rng(seed)
    examples = [
        objective.examples(Row(np.append(drawn.integers(0, 12, 9 + i), 12).astype(np.uint16), 12, np.zeros(10 + i, np.int64), i),
                           np.random.default_rng((seed, i)), VOCABULARY)
        for i in range(rows)
    ]  # fmt: skip
    return objective, examples


@torch.no_grad()
def test_both_terms_by_hand():
    model, (objective, examples) = _trainable(), _batch()
    batch = collate(examples)
    loss = objective.loss(model, batch, np.random.default_rng(0))
    generator, head = model.owned.generator, model.owned.head
    detection = generation = right = replaced = 0.0
    for row in range(3):
        n = len(examples[row]["tokens"])
        tokens, targets = batch["tokens"][row : row + 1, :n], batch["targets"][row : row + 1, :n]
        hidden = generator.hidden(Inputs(tokens, pattern="bidirectional"))
        log_p = generator.over_logits(hidden, lambda z: z.log_softmax(-1))[0]
        shown = targets.clone()
        for t in range(n):
            if examples[row]["weights"][t]:
                generation -= float(log_p[t, targets[0, t]])
                below = log_p[t].exp().cumsum(0)
                shown[0, t] = int((below <= float(examples[row]["uniforms"][t]) * float(below[-1])).sum())
        logits = head(model.network.hidden(Inputs(shown, pattern="bidirectional")).values_BTD)[0]
        original = shown[0] == targets[0]
        detection += float(functional.softplus(torch.where(original, -logits, logits)).sum())
        right += int(((logits > 0) == original).sum())
        replaced += int((~original).sum())
    tokens = sum(len(example["tokens"]) for example in examples)
    assert float(loss.terms["detection"][0].detach()) == pytest.approx(detection, rel=1e-4)
    assert float(loss.terms["generator"][0].detach()) == pytest.approx(generation, rel=1e-4)
    assert (loss.terms["detection"][1], loss.terms["generator"][1]) == (50.0, 1.0)
    assert objective.weights(batch) == {"detection": tokens, "generator": sum(e["weights"].sum() for e in examples)}
    assert loss.metrics["detection_accuracy"] == pytest.approx(right / tokens)
    assert loss.metrics["replaced_fraction"] == pytest.approx(replaced / tokens)
    assert replaced > 0


def test_each_part_learns_from_its_own_term_alone():
    model, (objective, examples) = _trainable(), _batch()
    for term, learns, rests in (("detection", model.network, model.owned.generator),
                                ("generator", model.owned.generator, model.network)):  # fmt: skip
        for _, parameter in model.named_parameters():
            parameter.grad = None
        objective.loss(model, collate(examples), np.random.default_rng(0)).terms[term][0].backward()
        assert any(p.grad is not None and p.grad.any() for p in learns.parameters())
        assert not any(p.grad is not None and p.grad.any() for p in rests.parameters())


def test_draws_have_the_generators_probabilities():
    network = SPEC.build(VOCABULARY, 3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)), alpha=0.1)
        value = network.hidden(Inputs(torch.tensor([[3]]), pattern="bidirectional")).values_BTD
        share = network.over_logits(Hidden(value), lambda z: z.softmax(-1))[0, 0]
        many = Hidden(value.expand(1, 20_000, -1))
        drawn = _drawn(network, many, torch.rand(20_000, generator=torch.Generator().manual_seed(1)))
    counts = torch.bincount(drawn, minlength=len(share)) / 20_000
    torch.testing.assert_close(counts, share, atol=0.015, rtol=0)
    assert share.max() < 0.9


def test_the_loss_is_the_same_for_any_split():
    model, (objective, examples) = _trainable(), _batch()

    def terms(some) -> dict[str, torch.Tensor]:
        return {
            name: total.detach()
            for name, (total, _) in objective.loss(model, collate(some), np.random.default_rng(0)).terms.items()
        }

    whole, parts = terms(examples), [terms([example]) for example in examples]
    for name, total in whole.items():
        torch.testing.assert_close(total, sum(part[name] for part in parts), rtol=1e-5, atol=1e-5)


def test_the_detection_loss_is_that_of_transformers_electra():
    """Label 1 there means replaced, so the logits have the other sign."""
    from transformers import ElectraConfig, ElectraForPreTraining

    model, (objective, examples) = _trainable(), _batch(rows=1)
    batch = collate(examples)
    seen = {}
    head = model.owned.head
    head.register_forward_hook(lambda module, read, made: seen.update(logits=made))
    ours = objective.loss(model, batch, np.random.default_rng(0)).terms["detection"][0] / batch["tokens"].numel()
    reference = ElectraForPreTraining(ElectraConfig(vocab_size=14, hidden_size=32, embedding_size=32, num_hidden_layers=1,
                                                    num_attention_heads=4, intermediate_size=32))  # fmt: skip
    reference.discriminator_predictions.forward = lambda hidden: -seen["logits"]
    hidden = batch["weights"] > 0
    with torch.no_grad():
        read = model.owned.generator.hidden(Inputs(batch["tokens"], batch["segments"], "bidirectional"))
        shown = batch["targets"].clone()
        shown[hidden] = _drawn(model.owned.generator, Hidden(read.values_BTD[hidden][None]), batch["uniforms"][hidden])
    labels = (shown != batch["targets"]).float()
    theirs = reference(input_ids=batch["tokens"], labels=labels).loss
    torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("spec", "heads", "width", "groups"), [
    (SPEC, 1, 8, None),
    (SPEC.replace(num_heads=8, num_key_value_heads=4), 2, 8, 2),
    (SPEC.replace(num_heads=2), 1, 16, None),
])  # fmt: skip
def test_the_generator_has_the_models_head_size_and_fewer_heads(spec, heads, width, groups):
    made = ReplacedToken().generator(spec)
    assert (made.num_heads, made.hidden_size, made.num_key_value_heads) == (heads, width, groups)
    assert made.resolved_head_size == spec.resolved_head_size


def test_ends_of_text_are_never_hidden_and_other_families_are_refused():
    _, examples = _batch()
    assert all(example["weights"][-1] == 0 and example["weights"].sum() > 0 for example in examples)
    with pytest.raises(TelosError) as error:
        ReplacedToken().check(LSTM())
    assert error.value.must == "objective 'replaced_token' needs a model with bidirectional attention"
