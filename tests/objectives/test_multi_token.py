"""Multi-token prediction: terms by hand, causality, `causal` as the first term, any split."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Hidden, Inputs
from telos.models.gru import GRU
from telos.models.softmax_regression import SoftmaxRegression
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.causal import Causal
from telos.objectives.multi_token import MultiToken, _ahead
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.trainable import Trainable

VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20})
FAMILIES = [Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=16), GRU(hidden_size=12, embedding_size=8)]
FORMS = ["parallel", "sequential"]


def _trainable(objective, spec) -> Trainable:
    network = spec.build(VOCABULARY, 1)
    model = Trainable(network, objective.build(network, VOCABULARY))
    with torch.no_grad():
        for _, parameter in model.named_parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.2)
    return model


def _examples(objective, rows=2):
    drawn = np.random.default_rng(3)
    made = []
    for i in range(rows):
        tokens = np.append(drawn.integers(0, 20, 7 + i), 20)
        tokens[3] = 20
        documents = np.array([4] * 4 + [9] * (4 + i))
        made.append(objective.examples(Row(tokens.astype(np.uint16), 20, documents, i), np.random.default_rng(i), VOCABULARY))
    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spec", FAMILIES, ids=lambda spec: spec.kind())
@torch.no_grad()
def test_each_term_by_hand(spec, form):
    objective = MultiToken(tokens=3, form=form, weight=0.5)
    model, examples = _trainable(objective, spec), _examples(objective, 1)
    batch = collate(examples)
    terms = objective.loss(model, batch, np.random.default_rng(0)).terms
    targets, segments = batch["targets"][0].tolist(), batch["segments"][0].tolist()
    values = before = model.network.hidden(Inputs(batch["tokens"], batch["segments"])).values_BTD
    sums, counts = {}, {}
    for k in (1, 2, 3):
        if k > 1:
            head = model.owned.heads[k - 2]
            between = torch.tensor([[targets[t + k - 2] if t + k - 2 < len(targets) else 0 for t in range(len(targets))]])
            read = head(values) if form == "parallel" else head(before, model.network.token_embeddings(between))
            before = read
        else:
            read = values
        log_p = model.network.over_logits(Hidden(read), lambda z: z.log_softmax(-1))[0]
        places = [t for t in range(len(targets)) if t + k - 1 < len(targets) and segments[t + k - 1] == segments[t]]
        sums[k], counts[k] = -sum(float(log_p[t, targets[t + k - 1]]) for t in places), len(places)
    assert counts == {1: 8, 2: 6, 3: 4}
    names = {1: "nll", 2: "nll_2", 3: "nll_3"}
    assert objective.weights(batch) == {names[k]: count for k, count in counts.items()}
    for k, total in sums.items():
        assert float(terms[names[k]][0]) == pytest.approx(total, rel=1e-4)
        assert terms[names[k]][1] == (1.0 if k == 1 else 0.5)


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_the_first_term_is_causal_and_no_head_sees_what_it_predicts(form):
    objective = MultiToken(tokens=3, form=form)
    model, examples = _trainable(objective, FAMILIES[0]), _examples(objective, 1)
    rng, example = np.random.default_rng(0), examples[0]
    causal = Causal().loss(model, collate(examples), rng).terms["nll"][0]
    torch.testing.assert_close(objective.loss(model, collate(examples), rng).terms["nll"][0], causal)
    # The last two tokens of the second document are predicted by the second head at the place of the last but two, which sees
    # neither: another last token changes its term by that prediction alone.
    assert example["targets"][-1] == 20
    heads = model.owned.heads

    def values(targets):
        hidden = model.network.hidden(Inputs(collate(examples)["tokens"], collate(examples)["segments"])).values_BTD
        for k, head in enumerate(heads, 2):
            hidden = (
                head(hidden, model.network.token_embeddings(_ahead(targets, k - 2))) if form == "sequential" else head(hidden)
            )
        return hidden[0]

    usual = torch.from_numpy(example["targets"])[None]
    changed = usual.clone()
    changed[0, -1] = 5
    assert torch.equal(values(usual)[:-2], values(changed)[:-2])


@pytest.mark.parametrize("form", FORMS)
def test_the_loss_is_the_same_for_any_split_and_every_part_learns(form):
    objective = MultiToken(tokens=4, form=form)
    model, examples = _trainable(objective, FAMILIES[0]), _examples(objective, 3)

    def terms(some):
        return {name: total for name, (total, _) in objective.loss(model, collate(some), np.random.default_rng(0)).terms.items()}

    whole, parts = terms(examples), [terms([example]) for example in examples]
    for name, total in whole.items():
        torch.testing.assert_close(total, sum(part[name] for part in parts), rtol=1e-5, atol=1e-5)
    sum(whole.values()).backward()
    assert all(p.grad is not None and p.grad.any() for _, p in model.named_parameters())


def test_a_model_without_hidden_values_or_without_embeddings_is_refused():
    spec = SoftmaxRegression(window=2)
    with pytest.raises(TelosError) as error:
        MultiToken().check(spec)
    assert error.value.must == "objective 'multi_token' needs a model with hidden values, which its own parts read"
    with pytest.raises(TelosError) as error:
        spec.build(VOCABULARY, 1).token_embeddings(torch.zeros(1, 1, dtype=torch.int64))
    assert error.value.must == "a model with an embedding for each token is needed"
