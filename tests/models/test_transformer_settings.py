"""What must hold whatever the settings, each moved off its default: who sees whom, states, beginnings, compilation."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from telos.foundation import machine
from telos.foundation.errors import TelosError
from telos.layers.experts import Experts
from telos.layers.rotary import RotaryScaling
from telos.models import Inputs
from telos.models.transformer import Transformer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(49, "test", {END_OF_TEXT: 49})
SMALL = Transformer(num_layers=2, hidden_size=32, num_heads=4, intermediate_size=24, context_length=32)
CHANGES = [
    {},
    {"norm": "layer"},
    {"norm": "layer", "norm_bias": False},
    {"norm_place": "after"},
    {"norm_place": "both"},
    {"embedding_norm": True},
    {"query_key_norm": False},
    {"positions": "learned"},
    {"positions": "sinusoidal"},
    {"positions": "alibi"},
    {"positions": "buckets", "num_buckets": 8, "max_distance": 20},
    {"positions": "none"},
    {"rope_scaling": RotaryScaling(factor=3.0)},
    {"windows": (3,)},
    {"windows": (None, 4), "local_rope_theta": 50.0},
    {"num_key_value_heads": 1},
    {"attention_bias": True},
    {"attention_scale": 0.1},
    {"attention_softcap": 1.0},
    {"activation": "relu2", "gated": False, "feed_forward_bias": True},
    {"experts": Experts(num_experts=3)},
    {"experts": Experts(num_experts=4, shared_intermediate_size=8, shared_gate=True)},
    {"experts": Experts(num_experts=3, intermediate_size=8, layers=(1,))},
    {"tie_embeddings": True},
    {"head_bias": True, "head_transform": True},
    {"embedding_scale": 3.0, "logit_scale": 0.5, "logit_softcap": 2.0},
    {"num_token_types": 2},
    {"dropout": 0.5, "attention_dropout": 0.5, "stochastic_depth": 0.5},
    {"initialization": "normal"},
]
DECODERS = [SMALL.replace(**change) for change in CHANGES]
ENCODER = SMALL.replace(architecture="encoder", norm_place="after", positions="learned")
ENCODERS = [ENCODER, ENCODER.replace(windows=(4, None)), ENCODER.replace(positions="buckets"), ENCODER.replace(positions="alibi")]
PAIRED = SMALL.replace(architecture="encoder_decoder", num_encoder_layers=1, positions="buckets")
BOTH = [PAIRED, PAIRED.replace(positions="learned", norm_place="both", norm="layer"), PAIRED.replace(positions="rotary")]
TOKENS = torch.randint(0, 49, (3, 20), generator=torch.Generator().manual_seed(4))
SOURCE = torch.randint(0, 49, (3, 9), generator=torch.Generator().manual_seed(5))


def name(spec) -> str:
    return ", ".join(f"{field}={value}" for field, value in spec if value != getattr(SMALL, field)) or "default"


def network(spec):
    """In evaluation mode, with weights of ordinary size: a fresh one's output is zero."""
    made = spec.build(VOCABULARY, seed=1).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return made


def read(spec, tokens=TOKENS, **more) -> Inputs:
    if spec.architecture == "encoder_decoder":
        lengths = torch.tensor([9, 3, 6])[: len(tokens)]
        more = {"source_BS": SOURCE[: len(tokens)], "source_lengths_B": lengths, "pattern": "encoder_decoder"} | more
    elif spec.architecture == "encoder":
        more = {"pattern": "bidirectional"} | more
    return Inputs(tokens, **more)


def values(net, inputs, state=None):
    return net.hidden(inputs, state).values_BTD


def far(a, b) -> float:
    return float((a - b).abs().max())


# -- who sees whom ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [*DECODERS, *BOTH], ids=name)
@torch.no_grad()
def test_changing_a_token_changes_nothing_before_it(spec):
    net, changed = network(spec), TOKENS.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 49
    before, after = values(net, read(spec)), values(net, read(spec, changed))
    assert far(before[:, :9], after[:, :9]) <= 1e-5
    assert (before - after)[:, 9].abs().amax(-1).min() > 1e-4


@pytest.mark.parametrize("spec", [*DECODERS, *ENCODERS, *BOTH], ids=name)
@torch.no_grad()
def test_a_document_behind_another_is_what_it_is_alone(spec):
    net = network(spec)
    segments = torch.tensor([[0] * 6 + [1] * 14] * 3, dtype=torch.int32)
    packed = values(net, read(spec, segments_BT=segments))
    assert far(packed[:, 6:], values(net, read(spec, TOKENS[:, 6:]))) <= 2e-5
    assert far(packed[:, :6], values(net, read(spec, TOKENS[:, :6]))) <= 2e-5


@pytest.mark.parametrize("spec", ENCODERS, ids=name)
@torch.no_grad()
def test_an_encoder_sees_both_ways(spec):
    net, changed = network(spec), TOKENS.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 49
    moved = (values(net, read(spec)) - values(net, read(spec, changed))).abs().amax(-1)
    assert moved[:, 8].min() > 1e-4
    assert moved[:, 10].min() > 1e-4


@pytest.mark.parametrize("spec", [SMALL, SMALL.replace(windows=(3,)), SMALL.replace(positions="buckets")], ids=name)
@torch.no_grad()
def test_a_prefix_sees_itself_both_ways_with_a_state_and_without(spec):
    net, prefix = network(spec), torch.arange(20) < torch.tensor([[7], [1], [4]])
    whole = values(net, read(spec, pattern="prefix", prefix_BT=prefix))
    assert far(whole[1], values(net, read(spec))[1]) <= 1e-5  # a prefix of one token is causal
    changed = TOKENS.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 49
    moved = (values(net, read(spec, changed, pattern="prefix", prefix_BT=prefix)) - whole).abs().amax(-1)
    assert moved[0, 0] > 1e-4
    assert moved[2, :5].max() <= 1e-5
    state = net.new_state(3, 20)
    parts = [values(net, read(spec, TOKENS[:, :7], pattern="prefix", prefix_BT=prefix[:, :7]), state)]
    parts.append(values(net, read(spec, TOKENS[:, 7:]), state))
    assert far(torch.cat(parts, 1), whole) <= 1e-4


@torch.no_grad()
def test_a_prefix_is_seen_by_its_own_segment_alone():
    net, segments = network(SMALL), torch.tensor([[0] * 6 + [1] * 14] * 3, dtype=torch.int32)
    prefix = torch.zeros(3, 20, dtype=torch.bool)
    prefix[:, :3] = prefix[:, 6:11] = True
    packed = values(net, read(SMALL, pattern="prefix", prefix_BT=prefix, segments_BT=segments))
    for part in (slice(0, 6), slice(6, 20)):
        alone = values(net, read(SMALL, TOKENS[:, part], pattern="prefix", prefix_BT=prefix[:, part]))
        assert far(packed[:, part], alone) <= 2e-5


@pytest.mark.parametrize("spec", [*DECODERS, *ENCODERS], ids=name)
@torch.no_grad()
def test_tokens_in_another_order_say_the_same_at_their_places(spec):
    """Pattern "dense": places and who sees whom as they usually are, given in a shuffled order."""
    net, order = network(spec), torch.randperm(20, generator=torch.Generator().manual_seed(4))
    usual = values(net, read(spec))
    visible = torch.ones(20, 20, dtype=torch.bool)
    if spec.architecture == "decoder":
        visible = visible.tril()
    given = Inputs(TOKENS[:, order], pattern="dense", positions_BT=order.expand(3, 20),
                   visible_BTT=visible[order][:, order].expand(3, 20, 20))  # fmt: skip
    assert far(values(net, given), usual[:, order]) <= 2e-5


@torch.no_grad()
def test_kinds_of_tokens_change_what_is_read():
    spec = SMALL.replace(num_token_types=2)
    net, kinds = network(spec), torch.zeros_like(TOKENS)
    assert torch.equal(values(net, read(spec)), values(net, read(spec, types_BT=kinds)))
    kinds[:, 10:] = 1
    moved = (values(net, read(spec)) - values(net, read(spec, types_BT=kinds))).abs().amax(-1)
    assert moved[:, :10].max() <= 1e-6
    assert moved[:, 10:].min() > 1e-4


@pytest.mark.parametrize("spec", BOTH, ids=name)
@torch.no_grad()
def test_padding_of_a_source_changes_nothing(spec):
    net, lengths = network(spec), torch.tensor([9, 3, 5])
    padded, whole = (values(net, read(spec, source_lengths_B=given)) for given in (lengths, None))
    for row, length in enumerate(lengths):
        alone = Inputs(TOKENS[row : row + 1], pattern="encoder_decoder", source_BS=SOURCE[row : row + 1, :length])
        assert far(values(net, alone), padded[row : row + 1]) <= 1e-5
    assert far(padded[1], whole[1]) > 1e-3


@pytest.mark.parametrize("spec", BOTH, ids=name)
@torch.no_grad()
def test_several_sources_in_a_row_are_read_each_by_its_own_text(spec):
    net = network(spec)
    segments = torch.tensor([[1] * 6 + [2] * 10 + [0] * 4] * 3, dtype=torch.int32)
    of_source = torch.tensor([[1] * 3 + [2] * 5 + [0]] * 3, dtype=torch.int32)
    packed = values(net, Inputs(TOKENS, segments, "encoder_decoder", source_BS=SOURCE, source_segments_BS=of_source))
    assert packed.isfinite().all()
    for part, read_part in ((slice(0, 6), slice(0, 3)), (slice(6, 16), slice(3, 8))):
        alone = values(net, Inputs(TOKENS[:, part], pattern="encoder_decoder", source_BS=SOURCE[:, read_part]))
        assert far(packed[:, part], alone) <= 2e-5


# -- states -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [*DECODERS, *BOTH], ids=name)
@torch.no_grad()
def test_with_a_state_equals_the_whole(spec):
    """In pieces, after padding that is dropped, and after rows are taken away or doubled."""
    net = network(spec)
    whole, lengths = values(net, read(spec)), torch.tensor([10, 4, 7])
    state = net.new_state(3, 20)
    for at, part in zip((0, 9, 10), TOKENS.split((9, 1, 10), dim=1), strict=True):
        inputs = read(spec, part) if at == 0 else Inputs(part, pattern=read(spec).pattern)
        assert far(values(net, inputs, state), whole[:, at : at + part.shape[1]]) <= 1e-4
    state, padded = net.new_state(3, 20), TOKENS[:, :10].clone()
    for row, length in enumerate(lengths):
        padded[row, length:] = 0
    net.hidden(read(spec, padded), state)
    state.keep(lengths)
    state.select(torch.tensor([2, 1, 2]))
    tokens = torch.stack([TOKENS[2, 7:9], TOKENS[1, 4:6], TOKENS[2, 7:9]])
    found = values(net, Inputs(tokens, pattern=read(spec).pattern), state)
    assert far(found, torch.stack([whole[2, 7:9], whole[1, 4:6], whole[2, 7:9]])) <= 1e-4


# -- beginnings, roles, operations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [*DECODERS, *ENCODERS, *BOTH], ids=name)
def test_a_fresh_network_knows_nothing_and_learns(spec):
    """The loss starts at log V, and a step of gradient descent lowers it."""
    net = spec.build(VOCABULARY, seed=3)
    net.train(False)
    targets = TOKENS.roll(-1, 1)
    loss = net.nll(net.hidden(read(spec)), targets).mean()
    assert loss.item() == pytest.approx(math.log(50), abs=0.35 if spec.tie_embeddings else 0.05)
    loss.backward()
    torch.optim.SGD(net.parameters(), lr=0.05).step()
    assert net.nll(net.hidden(read(spec)), targets).mean() < loss
    assert set(net.roles()) == {key for key, _ in net.named_parameters()}


@pytest.mark.parametrize("spec", [s for s in DECODERS if s.windows == () and s.experts is None], ids=name)
@torch.no_grad()
def test_flops_agree_with_torchs_counter(spec):
    net = network(spec)
    with FlopCounterMode(display=False) as counter:
        net.over_logits(net.hidden(read(spec)), lambda z: z)
    masked = 2 * 2 * 4 * 8 * 20 * 20 * 3  # torch counts the masked half of the scores too
    assert counter.get_total_flops() - masked == pytest.approx(net.flops_per_token(20) * 60)


@pytest.mark.parametrize("spec", [ENCODERS[0], BOTH[2]], ids=name)
@torch.no_grad()
def test_flops_of_both_directions_agree_with_torchs_counter(spec):
    net = network(spec)
    source = TOKENS if spec.architecture == "encoder_decoder" else None
    with FlopCounterMode(display=False) as counter:
        net.over_logits(net.hidden(read(spec, source_BS=source) if source is not None else read(spec)), lambda z: z)
    masked = 2 * 2 * 4 * 8 * 20 * 20 * 3 if source is not None else 0
    assert counter.get_total_flops() - masked == pytest.approx(net.flops_per_token(20) * 60)


def test_windows_and_experts_cost_what_is_used():
    assert SMALL.replace(windows=(1,)).build(VOCABULARY).flops_per_token(20) == pytest.approx(
        SMALL.build(VOCABULARY).flops_per_token(20) - 2 * 4 * 32 * (10 - (1 - 1 / 40))
    )
    few, many = (SMALL.replace(experts=Experts(num_experts=n)).build(VOCABULARY) for n in (4, 8))
    assert many.flops_per_token(20) - few.flops_per_token(20) == 2 * 2 * 4 * 32  # wider routers alone
    assert (few.routed_fraction, many.routed_fraction) == (0.5, 0.25)


def test_experts_stand_in_the_layers_that_are_named():
    """Named all, they are those of a model that names none."""
    named = SMALL.replace(experts=Experts(num_experts=3, layers=(1,))).build(VOCABULARY)
    tensors = set(dict(named.named_parameters()))
    assert "model.layers.0.mlp.up_proj.weight" in tensors
    assert "model.layers.1.mlp.experts.2.up_proj.weight" in tensors
    assert not any(name.startswith("model.layers.0.mlp.experts") for name in tensors)
    every = SMALL.replace(experts=Experts(num_experts=3, layers=(0, 1)))
    assert every.resolved() == SMALL.replace(experts=Experts(num_experts=3)).resolved()


def test_the_balance_of_experts_is_a_penalty_with_its_coefficient():
    spec = SMALL.replace(experts=Experts(num_experts=3, balance=0.25))
    hidden = network(spec).hidden(read(spec))
    assert hidden.penalties["balance"].item() == pytest.approx(0.25 * 2, rel=0.3)  # k where all are used alike
    hidden.penalties["balance"].backward()
    assert network(SMALL).hidden(read(SMALL)).penalties == {}


# -- what is drawn in training ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["dropout", "attention_dropout", "stochastic_depth"])
@torch.no_grad()
def test_randomness_is_in_training_alone_and_from_torchs_generator(setting):
    spec = SMALL.replace(**{setting: 0.5})
    net, plain = network(spec), network(SMALL)
    assert torch.equal(values(net, read(spec)), values(plain, read(SMALL)))
    net.train()
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(values(net, read(spec)))
    assert torch.equal(drawn[0], drawn[1])
    assert far(drawn[0], drawn[2]) > 1e-3


@torch.no_grad()
def test_stochastic_depth_skips_the_last_layer_as_often_as_it_says():
    """One layer whose addition is large: rows that skip it are the embeddings, the others are scaled up."""
    spec = SMALL.replace(num_layers=1, stochastic_depth=0.3)
    net = network(spec).train()
    embedded = net.model.norm(net.model.embed_tokens(TOKENS[:1]))
    torch.manual_seed(0)
    found = values(net, Inputs(TOKENS[:1].expand(4000, -1)[:, :2]))
    skipped = (found - embedded[:, :2]).abs().amax((1, 2)) <= 1e-6
    assert skipped.float().mean().item() == pytest.approx(0.3, abs=0.03)


# -- compiled -----------------------------------------------------------------------------------------------------------

COMPILED = [
    SMALL.replace(norm="layer", positions="learned", gated=False, activation="gelu_tanh", attention_bias=True,
                  feed_forward_bias=True, query_key_norm=False, head_bias=True),
    SMALL.replace(experts=Experts(num_experts=3), windows=(None, 4), logit_softcap=2.0),
    SMALL.replace(experts=Experts(num_experts=3, layers=(1,))),
    BOTH[0],
]  # fmt: skip


@pytest.mark.long
@pytest.mark.skipif(machine.compiler() is None, reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore")  # torch warns of itself while it compiles
@pytest.mark.parametrize("spec", COMPILED, ids=name)
def test_the_compiled_blocks_equal_the_plain_ones(spec):
    net = network(spec).train()

    def loss_and_gradients():
        net.zero_grad()
        hidden = net.hidden(read(spec, segments_BT=torch.zeros_like(TOKENS, dtype=torch.int32)))
        nll = net.nll(hidden, TOKENS)
        (nll.sum() + sum(hidden.penalties.values())).backward()
        return nll.detach(), {key: p.grad.clone() for key, p in net.named_parameters() if p.grad is not None}

    plain, plain_gradients = loss_and_gradients()
    net.compile_blocks()
    compiled, compiled_gradients = loss_and_gradients()
    torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-5)
    for key, expected in plain_gradients.items():
        assert (compiled_gradients[key] - expected).norm() <= 1e-4 * expected.norm() + 1e-5, (
            key
        )  # a key bias has none but rounding


# -- what cannot be -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "inputs", "with_state", "must", "found"),
    [
        (SMALL, {"pattern": "encoder_decoder"}, False,
         "a decoder reads with one of the patterns bidirectional, causal, dense, prefix", "'encoder_decoder'"),
        (PAIRED, {"source_BS": None}, False, "an encoder-decoder needs a source beside its text", "no source"),
        (PAIRED, {"source_BS": None}, True, "an encoder-decoder needs a source beside its text", "no source at the first call"),
        (ENCODER, {}, True, "what sees both directions must be read whole", "a state to go on from"),
        (SMALL, {"pattern": "dense"}, True, "what sees both directions must be read whole", "a state to go on from"),
        (SMALL, {"pattern": "bidirectional"}, True, "what sees both directions must be read whole", "a state to go on from"),
        (SMALL, {"tokens_BT": TOKENS[:2]}, True, "a state must have as many rows as the tokens that continue it",
         "3 rows, 2 of tokens"),
        (SMALL.replace(positions="learned", context_length=19), {}, False,
         "a text must have at most 19 tokens, as many as the model has learned positions", "20"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_network_cannot_read_is_refused(spec, inputs, with_state, must, found):
    net = spec.build(VOCABULARY)
    asked = read(spec)
    for field, value in inputs.items():
        setattr(asked, field, value)
    with pytest.raises(TelosError) as error:
        net.hidden(asked, net.new_state(3, 20) if with_state else None)
    assert (error.value.must, error.value.found) == (must, found)


@pytest.mark.parametrize(("settings", "words"), [
    ({"windows": [0]}, "windows must be at least 1, or null for a layer that sees everything ([0])"),
    ({"positions": "buckets", "max_distance": 16}, "max_distance (16) must be above half of num_buckets (32)"),
    ({"positions": "buckets", "num_buckets": 30}, "multiple of 4"),
    ({"experts": {"num_experts": 2, "experts_per_token": 3}}, "experts_per_token (3) must be at most num_experts (2)"),
    ({"experts": {"layers": [1, 0]}}, "layers must be numbers of layers from 0, rising, or null for all ([1, 0])"),
    ({"experts": {"layers": []}}, "layers must be numbers of layers from 0, rising, or null for all ([])"),
    ({"num_layers": 2, "experts": {"layers": [0, 2]}}, "experts.layers must be below 2, the number of layers ([0, 2])"),
    ({"activation": "tanh"}, "gelu"),
    ({"rope_scaling": {"method": "dynamic"}}, "linear"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(TelosError) as error:
        Transformer(**settings)
    assert words in str(error.value)


def test_an_odd_head_size_is_refused_for_rotary_positions_alone():
    assert Transformer(head_size=7, positions="alibi").resolved_head_size == 7
    with pytest.raises(TelosError):
        Transformer(head_size=7)


def test_patterns_follow_the_architecture():
    assert Transformer.patterns == SMALL.patterns == {"causal", "prefix", "bidirectional", "dense"}
    assert ENCODER.patterns == {"bidirectional", "dense"}
    assert PAIRED.patterns == {"encoder_decoder"}


@pytest.mark.parametrize("spec", [SMALL.replace(num_layers=0), ENCODER.replace(num_layers=0),
                                  PAIRED.replace(num_layers=0, num_encoder_layers=0)], ids=name)  # fmt: skip
@torch.no_grad()
def test_no_layers_one_token_one_row(spec):
    net = network(spec)
    assert values(net, read(spec, TOKENS[:1, :1])).isfinite().all()
