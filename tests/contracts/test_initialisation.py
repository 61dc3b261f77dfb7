"""How every family of networks begins: as its documentation says, which names a source, and within what training stands."""

import inspect
import re

import pytest
import torch

from telos.models import Model
from telos.optim.optimizers import Optimizer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(400, "0123456789abcdef", {END_OF_TEXT: 400})
GRADIENT = [kind for kind in Model.kinds() if Model.member(kind).learns_by == "gradient"]


@pytest.mark.parametrize("kind", GRADIENT)
def test_the_documentation_says_how_it_begins_and_whose_idea_that_is(kind):
    built = Model.parse(kind).build(VOCABULARY)
    said = "\n".join(inspect.getdoc(cls) or "" for cls in type(built).__mro__ if cls.__module__.startswith("telos.models"))
    paragraph = re.search(r"Initiali[sz]ation.*?(?:\n\n|\Z)", said, re.DOTALL)
    assert paragraph, f"{type(built).__name__} does not say how its weights begin"
    assert re.search(r"\b(19|20)\d\d\b", paragraph[0]), "a source has a year"


def fan_in(parameter: torch.Tensor) -> int:
    """Values that one output adds up."""
    return parameter[0].numel()


@pytest.mark.parametrize("kind", GRADIENT)
@pytest.mark.parametrize("tied", [False, True])
def test_sizes_by_role(kind, tied):
    """Matrices begin at zero, or centred with a deviation between 0.3 and 1.5 of 1/√fan-in (LeCun, Glorot, He, and PyTorch's
    recurrent layers lie in it); so does a head; embeddings centred with at most 1; vectors within ±1."""
    if tied and "tie_embeddings" not in Model.member(kind).model_fields:
        pytest.skip("it has nothing to tie")
    built = Model.parse({"kind": kind} | ({"tie_embeddings": True} if tied else {})).build(VOCABULARY)
    parameters = dict(built.named_parameters())
    for name, role in built.roles().items():
        weight = parameters[name].detach()
        deviation = float(weight.std(correction=0))
        if role == "vector":
            assert weight.abs().max() <= 1, name
            continue
        assert abs(float(weight.mean())) <= 5 * deviation / weight.numel() ** 0.5, f"{name} is not centred"
        if role == "embedding":
            assert deviation <= 1.05, name
        else:
            assert deviation == 0 or 0.3 <= deviation * fan_in(weight) ** 0.5 <= 1.5, name


@pytest.mark.parametrize("kind", GRADIENT)
def test_what_is_written_to_changes_at_the_first_steps(kind):
    """A network all of whose parameters are zero in the wrong places never learns: after two steps everything has moved."""
    spec = Model.parse(kind)
    if not spec.has_likelihood:
        pytest.skip("its head is the objective's")
    from telos.models.sizing import reading
    from telos.optim.optimizers.adamw import AdamW

    built = spec.build(VOCABULARY).eval()
    before = {name: parameter.detach().clone() for name, parameter in built.named_parameters()}
    updater = AdamW(learning_rate=1e-2, weight_decay=0).build(built)
    drawn = torch.Generator().manual_seed(0)
    given = reading(spec, 4, 16)
    given.tokens_BT = torch.randint(VOCABULARY.size, (4, 16), generator=drawn)
    for _ in range(3):
        updater.zero_grad()
        built.nll(built.hidden(given), given.tokens_BT.roll(-1, 1)).mean().backward()
        updater.step(1.0)
    still = [name for name, parameter in built.named_parameters() if torch.equal(parameter, before[name])]
    assert not still


@pytest.mark.parametrize("kind", [kind for kind in GRADIENT if "tie_embeddings" in Model.member(kind).model_fields])
@pytest.mark.parametrize("optimizer", Optimizer.kinds())
def test_tied_embeddings_learn_with_every_optimizer_as_it_stands(kind, optimizer):
    """The rate of an embedding that is only looked up would throw a head's logits far beyond what they began with."""
    from telos.models.sizing import reading

    spec = Model.parse({"kind": kind, "tie_embeddings": True})
    built = spec.build(VOCABULARY)
    updater = Optimizer.parse(optimizer).build(built)
    given = reading(spec, 4, 16)
    given.tokens_BT = torch.randint(VOCABULARY.size, (4, 16), generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(12):
        updater.zero_grad()
        loss = built.nll(built.hidden(given), given.tokens_BT.roll(-1, 1)).mean()
        loss.backward()
        updater.step(1.0)
        losses.append(loss.item())
    assert max(losses) < 1.2 * losses[0]
    assert losses[-1] < losses[0]
