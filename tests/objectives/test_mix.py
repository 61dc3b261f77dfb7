"""A mix: one part is that part to the bit, gradients are weighted sums in float64, any split, shares of rows, moving weights."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from telos.foundation.errors import TelosError
from telos.foundation.random import generator
from telos.models import Hidden
from telos.models.lstm import LSTM
from telos.models.transformer import Transformer
from telos.objectives import Batch, Objective, collate
from telos.objectives.causal import Causal
from telos.objectives.mix import Mix, Ramp
from telos.optim.schedules import Progress
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate, part
from telos.train.trainable import Trainable

END, ROWS = 40, 8
MODEL = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=32)
ALONE = [
    "causal",
    "masked",
    {"kind": "span_corruption", "layout": "prefix"},
    {"kind": "multi_token", "tokens": 2},
    "replaced_token",
]
THREE = [{"objective": "causal", "weight": 2}, {"objective": "masked"}, {"objective": ALONE[2], "name": "spans", "weight": 0.5}]
START = Progress(0.5, 100.0, 0.1, math.nan, 0.05)


def mix(parts, **settings) -> Mix:
    return Mix.parse({"parts": parts, **settings}).fitted(MODEL)


def vocabulary(objective) -> Vocabulary:
    return Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials(objective.special_tokens())


def rows(count: int = ROWS) -> list[Row]:
    """Rows of 20 tokens; a document ends in each."""
    rng = np.random.default_rng(3)
    made = []
    for number in range(count):
        tokens = rng.integers(0, END, 20).astype(np.uint16)
        tokens[9 + number % 5] = END
        made.append(Row(tokens, END, np.repeat([2 * number, 2 * number + 1], [10 + number % 5, 10 - number % 5]), number))
    return made


def batch_of(objective, drawn=None, progress=START, step=0) -> Batch:
    """As the loader makes it, without padding beyond the longest."""
    make, known = objective.at(progress, generator(1, "step", step)), vocabulary(objective)
    return collate([make(row, generator(1, "examples", step, row.number), known) for row in drawn or rows()])


def trainable(objective, size=None, dtype=torch.float32) -> Trainable:
    """A network whose weights are of ordinary size, over ``size``'s tokens where another objective has more."""
    network = MODEL.build(vocabulary(size or objective), 1)
    torch.manual_seed(5)
    owned = objective.build(network, vocabulary(size or objective))
    for place, module in enumerate((network, owned)):
        for parameter in module.parameters() if module is not None else ():
            parameter.data.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(place)), alpha=0.1)
            parameter.data = parameter.data.to(dtype)
    network.compute_dtype = dtype
    return Trainable(network, owned)


def gradients(model, objective, batch, count=1):
    model = Trainable(copy.deepcopy(model.network), copy.deepcopy(model.owned))
    model.network.double() if model.compute_dtype == torch.float64 else None
    slices = [slice(start, start + batch.rows // count) for start in range(0, batch.rows, batch.rows // count)]
    loss = accumulate(model, objective, batch, slices, seed=1, step=0)
    return loss, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


# -- the parts as they are alone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["row", "step", "sum"])
@pytest.mark.parametrize("one", ALONE, ids=lambda one: one if isinstance(one, str) else one["kind"])
def test_a_mix_of_one_part_is_that_part_to_the_bit(one, by):
    alone, mixed = Objective.parse(one).fitted(MODEL), mix([{"objective": one}], by=by)
    loss, found = gradients(trainable(mixed), mixed, batch_of(mixed), 2)
    expected, true = gradients(trainable(alone), alone, batch_of(alone), 2)
    assert loss.loss == expected.loss
    assert loss.terms == {f"{alone.kind()}.{name}": value for name, value in expected.terms.items()}
    assert loss.metrics == {f"{alone.kind()}.{name}": value for name, value in expected.metrics.items()}
    assert len(found) == len(true)
    for name, gradient in true.items():
        assert torch.equal(found[name.replace("objective.", f"objective.of.{alone.kind()}_.")], gradient), name


@pytest.mark.parametrize("by", ["row", "step"])
def test_a_drawn_row_is_what_its_part_alone_makes_of_it(by):
    mixed = mix(THREE, by=by)
    batch, served = batch_of(mixed), []
    for place, one in enumerate(mixed.parts):
        mine = [row for row, weight in zip(rows(), batch["parts"][:, place].tolist(), strict=True) if weight]
        served += [row.number for row in mine]
        if not mine:
            continue
        known = vocabulary(mixed)
        examples = [one.objective.examples(row, generator(1, "examples", 0, row.number), known) for row in mine]
        for name, column in collate(examples).columns.items():
            kept = batch[f"{one.called}.{name}"][[row.number for row in mine]]
            assert torch.equal(kept[:, : column.shape[1]], column), name
    assert sorted(served) == list(range(ROWS))


def test_parts_are_drawn_as_often_as_they_weigh():
    """Rows and steps within four standard deviations of the binomial; rows of a step differ, and steps do as well."""
    weights = np.array([2, 1, 0.5]) / 3.5
    drawn = batch_of(mix(THREE), rows(3000))["parts"]
    steps = torch.stack([batch_of(mix(THREE, by="step"), rows(2), step=step)["parts"] for step in range(1500)])
    assert torch.equal(steps[:, 0], steps[:, 1]), "all rows of a step serve one part"
    for shares, count in ((drawn.mean(0), 3000), (steps[:, 0].mean(0), 1500)):
        assert (np.abs(shares.numpy() - weights) < 4 * np.sqrt(weights * (1 - weights) / count)).all()
    assert not torch.equal(batch_of(mix(THREE), step=1)["parts"], batch_of(mix(THREE), step=2)["parts"])
    assert torch.equal(batch_of(mix(THREE), step=1)["parts"], batch_of(mix(THREE), step=1)["parts"])


class Grouped(Causal):
    """Rows in pairs."""

    @property
    def rows_together(self) -> int:
        return 2


def test_rows_that_belong_together_serve_one_part():
    mixed = mix([{"objective": "causal"}, {"objective": Grouped(), "name": "pairs"}, {"objective": "masked"}])
    assert mixed.rows_together == 2
    served = batch_of(mixed, rows(40))["parts"].argmax(1)
    assert torch.equal(served[::2], served[1::2])
    assert len(set(served.tolist())) == 3


# -- the loss -----------------------------------------------------------------------------------------------------------


class Plain(nn.Module):
    """A token and the mean of its row, float64 throughout, which norms and attention are not."""

    spec, compute_dtype = MODEL, torch.float64

    def __init__(self, size: int):
        super().__init__()
        drawn = torch.Generator().manual_seed(1)
        self.embed, self.join, self.head = (nn.Parameter(torch.randn(shape, generator=drawn).double())
                                            for shape in ((size, 8), (8, 8), (size, 8)))  # fmt: skip

    def hidden(self, inputs, state=None):
        read = self.embed[inputs.tokens_BT]
        return Hidden(read + torch.tanh(read.mean(1, keepdim=True) @ self.join))

    def nll(self, hidden, targets_BT):
        logits = (hidden.values_BTD @ self.head.T).flatten(0, 1)
        return nn.functional.cross_entropy(logits, targets_BT.flatten(), reduction="none").view(targets_BT.shape)


@pytest.mark.parametrize("by", ["row", "step", "sum"])
def test_the_gradient_is_the_weighted_sum_of_the_parts_in_float64(by):
    mixed = mix(THREE, by=by)
    model, batch = Trainable(Plain(vocabulary(mixed).size), None), batch_of(mixed, rows(6))
    loss, found = gradients(model, mixed, batch)
    whole, sums = 0.0, {}
    for place, one in enumerate(mixed.parts):
        mine = batch["parts"][:, place].nonzero()[:, 0]
        if not len(mine):
            continue
        start = len(one.called) + 1
        own = Batch({n[start:]: c[mine] for n, c in batch.columns.items() if n.startswith(one.called + ".")})
        alone, gradient = gradients(model, one.objective, own)
        factor = {"row": len(mine) / 6, "step": 1.0, "sum": one.weight}[by]
        assert loss.terms[f"{one.called}.nll"] == pytest.approx(alone.loss, rel=1e-12)
        whole += factor * alone.loss
        for name, value in gradient.items():
            sums[name] = sums.get(name, 0.0) + factor * value
    assert loss.loss == pytest.approx(whole, rel=1e-12)
    assert set(found) == set(sums)
    for name, value in sums.items():
        assert (found[name] - value).norm() <= 1e-12 * value.norm(), name


@pytest.mark.parametrize("by", ["row", "step", "sum"])
@pytest.mark.parametrize("count", [2, 4, 8])
def test_equal_for_any_split(by, count):
    """Losses, metrics and gradients; a part may have no row in a micro-batch."""
    mixed = mix([{"objective": one} for one in ALONE], by=by)
    model, batch = trainable(mixed, dtype=torch.float64), batch_of(mixed)  # detection is fp32 all the same
    whole, true = gradients(model, mixed, batch)
    loss, found = gradients(model, mixed, batch, count)
    assert loss.loss == pytest.approx(whole.loss, rel=1e-6)
    assert loss.terms == pytest.approx(whole.terms, rel=1e-6)
    assert loss.metrics == pytest.approx(whole.metrics, rel=1e-6), "every row is as long as any other here"
    for name, value in true.items():
        assert (found[name] - value).norm() <= 1e-6 * value.norm(), name


@pytest.mark.parametrize("by", ["row", "step", "sum"])
def test_a_penalty_counts_once_however_many_parts_read(by):
    mixed = mix(THREE, by=by)
    plain = trainable(mixed)
    before = gradients(plain, mixed, batch_of(mixed), 2)[0].loss

    class Penalised(type(plain.network)):
        def hidden(self, inputs, state=None):
            hidden = super().hidden(inputs, state)
            return Hidden(hidden.values_BTD, hidden.state, {"size": hidden.values_BTD.new_tensor(3.0)})

    plain.network.__class__ = Penalised
    assert gradients(plain, mixed, batch_of(mixed), 2)[0].loss == pytest.approx(before + 3, rel=1e-6)


@torch.no_grad()
def test_each_part_is_measured_on_every_row_the_first_first():
    mixed = mix([{"objective": "masked"}, {"objective": ALONE[2], "name": "spans"}, {"objective": "causal"}])
    known, rng = vocabulary(mixed), np.random.default_rng(0)
    model = trainable(mixed)
    batch = collate([mixed.examples(row, generator(1, "measured", row.number), known) for row in rows()])
    found = mixed.measure(model, batch, rng)
    assert list(found) == ["masked.nats_per_hidden_token", "spans.nats_per_target_token", "causal.nll"]
    first = mixed.parts[0].objective
    own = collate([first.examples(row, generator(1, "measured", row.number), known) for row in rows()])
    for mine, true in zip(
        found["masked.nats_per_hidden_token"], first.measure(model, own, rng)["nats_per_hidden_token"], strict=True
    ):
        assert torch.equal(mine, true)
    assert all((weights > 0).all() for _, weights in found.values())


# -- weights that move --------------------------------------------------------------------------------------------------


def test_a_ramp_goes_from_its_first_to_its_last_value():
    ramp = Ramp(first=1, last=0.2, begin="100 tokens", end="300 tokens")
    assert [ramp.at(done) for done in (0, 100, 200, 300, 1e9)] == pytest.approx([1, 1, 0.6, 0.2, 0.2])


@pytest.mark.parametrize(
    ("unit", "written"), [("fraction", "%"), ("steps", " steps"), ("tokens", " tokens"), ("epochs", " epochs")]
)
def test_weights_follow_the_progress_of_their_unit(unit, written):
    moving = {"first": 0, "last": 4, "begin": f"20{written}", "end": f"80{written}"}
    mixed = mix([{"objective": "causal"}, {"objective": "masked", "weight": moving}], by="sum")
    at = {"steps": 0.0, "tokens": 0.0, "epochs": 0.0, "seconds": math.nan, "fraction": 0.0}
    for done, weight in ((10, 0), (50, 2), (90, 4)):
        progress = Progress(**at | {unit: done / 100 if unit == "fraction" else done})
        batch = batch_of(mixed, progress=progress)
        assert batch["parts"][0].tolist() == pytest.approx([1, weight])
        assert ("masked.tokens" in batch.columns) == (weight > 0), "what weighs nothing is not built"
    fading = {**moving, "first": 1, "last": 0}
    drawn = mix([{"objective": "causal", "weight": fading}, {"objective": "masked", "weight": moving}])
    late = batch_of(drawn, progress=Progress(99, 99, 99, math.nan, 1.0))
    assert late["parts"].tolist() == [[0, 1]] * ROWS


def test_a_share_of_time_is_not_known_beforehand():
    mixed = mix([{"objective": "causal"}, {"objective": "masked", "weight": {"first": 0, "last": 1}}])
    with pytest.raises(TelosError) as error:
        mixed.at(Progress(0.5, 1.0, 0.1, math.nan, math.nan), generator(1, "step", 0))
    assert error.value.must == "weights that follow the share of training need a budget in steps, tokens or epochs"
    by_tokens = {"first": 0, "last": 1, "begin": "0 tokens", "end": "1M tokens"}
    mix([{"objective": "causal"}, {"objective": "masked", "weight": by_tokens}]).at(START, generator(1, "step", 0))


# -- what is refused ----------------------------------------------------------------------------------------------------

FADING = {"first": 1, "last": 0, "end": "50%"}
RISING = {"first": 0, "last": 1, "begin": "50%"}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "parts must name at least one objective"),
        ([{"objective": "causal"}, {"objective": "causal"}], "two parts are called 'causal': give one a name of its own"),
        ([{"objective": "causal", "weight": 0}], "the parts' weights must not add up to 0"),
        ([{"objective": "causal", "weight": FADING}], "the parts' weights must not add up to 0, as they do at 50%"),
        ([{"objective": "causal", "weight": FADING}, {"objective": "masked", "weight": RISING}], "as they do at 50%"),
        ([{"objective": "causal", "weight": -1}], "must be at least 0"),
        ([{"objective": "causal"}, {"objective": "classification"}],
         "rows must be of one sort, but are 'causal' of pieces of the stream of all tokens, 'classification' of whole documents"),
        ([{"objective": {"kind": "mix", "parts": [{"objective": "causal"}]}}], "a part must not be a mix itself"),
        ([{"objective": "causal", "weight": {"begin": "10s", "end": "20s"}}], "must both be in steps, tokens, epochs or percent"),
        ([{"objective": "causal", "weight": {"begin": "10 steps"}}], "must both be in steps, tokens, epochs or percent"),
        ([{"objective": "causal", "weight": {"begin": "60%", "end": "50%"}}], "begin (60%) must be before end (50%)"),
        ([{"objective": "causal", "weight": {"begin": "1 steps", "end": "2 steps"}}, {"objective": "masked", "weight": RISING}],
         "weights must change over one unit, but change over fraction and steps"),
        ([{"objective": "causal", "weight": {"frst": 1}}], "parts.0.weight.frst: valid names here are begin, end, first, last"),
        ([{"objective": "causal", "name": "a.b"}], "name"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_together_are_refused(parts, said):
    with pytest.raises(TelosError) as error:
        mix(parts)
    assert said in error.value.must


def test_a_model_that_cannot_express_a_part_is_refused_by_the_parts_name():
    mixed = Mix.parse({"parts": [{"objective": "causal"}, {"objective": "masked", "name": "cloze"}]})
    mixed.check(MODEL)
    with pytest.raises(TelosError) as error:  # the rows are those of the part with the least room
        mix([{"objective": {"kind": "multi_token", "tokens": 12}}, {"objective": "infill"}]).check(
            MODEL.replace(context_length=15)
        )
    assert error.value.must == "objective 'mix' needs rows of at least 12 tokens of text"
    assert error.value.found == "model.context_length=15 has room for 11"
    with pytest.raises(TelosError) as error:
        mixed.check(LSTM())
    assert error.value.must == "part 'cloze' of the mix: objective 'masked' needs a model with bidirectional attention"
    assert error.value.found == "'lstm' has causal"
    assert error.value.fix.startswith("leave the part out, or ")


def test_what_the_whole_asks_for_is_what_the_parts_ask_for():
    mixed = mix(THREE)
    alone = [one.objective for one in mixed.parts]
    assert mixed.special_tokens() == (*alone[1].special_tokens(), *alone[2].special_tokens())
    assert mixed.raw_length(32) == min(one.raw_length(32) for one in alone) == alone[2].raw_length(32) < 32
    assert mixed.scores_text
    assert mixed.text_term == "causal.nll"
    assert not mix(THREE[1:]).scores_text
    assert mix(THREE[1:]).build(MODEL.build(vocabulary(mixed)), vocabulary(mixed)) is None
    assert part(batch_of(mixed), slice(0, 3)).rows == 3
