"""Attention kernels against each other and against torch; masks against their definition."""

import pytest
import torch

from telos.layers import attention
from telos.layers.attention import attend
from telos.layers.attention_kernel import TRIES, choose
from telos.layers.masks import causal_mask


def _qkv(heads=4, groups=2, length=12, size=8):
    generator = torch.Generator().manual_seed(5)
    return tuple(torch.randn(2, h, length, size, generator=generator) for h in (heads, groups, groups))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("segmented", [False, True])
def test_explicit_equals_the_fused_kernel(monkeypatch, groups, segmented):
    q, k, v = _qkv(groups=groups)
    segments = torch.tensor([[0] * 5 + [1] * 7, [0] * 12], dtype=torch.int32) if segmented else None
    mask = causal_mask(segments, 12, q.dtype, q.device) if segmented else None
    explicit = attend(q, k, v, mask)
    monkeypatch.setattr(attention, "EXPLICIT_UP_TO", 0)
    torch.testing.assert_close(explicit, attend(q, k, v, mask), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("scale", [None, 1.0, 0.1])
@pytest.mark.parametrize("kernel", ["explicit", "fused"])
def test_scale_and_soft_cap_are_in_the_formula(kernel, scale, softcap):
    q, k, v = (x.double() for x in _qkv(groups=4))
    mask = causal_mask(None, 12, q.dtype, q.device)
    scores = q @ k.transpose(-1, -2) * (8**-0.5 if scale is None else scale)
    scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
    found = attend(q, k, v, mask, scale=scale, softcap=softcap, kernel=kernel)
    torch.testing.assert_close(found, (scores + mask).softmax(-1) @ v, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kernel", ["explicit", "fused"])
def test_dropout_of_weights_keeps_their_mean(kernel):
    q, k, v = _qkv()
    torch.manual_seed(0)
    mean = sum(attend(q, k, v, None, dropout=0.3, kernel=kernel) for _ in range(400)) / 400
    one = attend(q, k, v, None, dropout=0.3, kernel=kernel)
    exact = attend(q, k, v, None, kernel=kernel)
    assert (mean - exact).abs().mean() < 0.1 * (one - exact).abs().mean()


class Clock:
    """Seconds for the calls of `choose`: those of each kernel in turn."""

    def __init__(self, explicit: float, fused: float):
        self.now, self.calls, self.seconds = 0.0, 0, (explicit, fused)

    def __call__(self) -> float:
        if self.calls % 2:
            self.now += self.seconds[self.calls // 2 % 2]
        self.calls += 1
        return self.now


@pytest.mark.parametrize(
    ("length", "explicit", "fused", "compiled", "chosen"),
    [
        (256, 1.0, 0.9, False, "explicit"),  # as good as equal: the usual one
        (256, 1.0, 0.5, False, "fused"),
        (256, 1.0, 0.5, True, "explicit"),  # compiled, plain products are twice as fast
        (1024, 0.9, 1.0, False, "fused"),
        (1024, 0.5, 1.0, False, "explicit"),
        (1024, 0.9, 1.0, True, "explicit"),
    ],
)
def test_the_clearly_faster_kernel_is_chosen(length, explicit, fused, compiled, chosen):
    clock, before = Clock(explicit, fused), torch.get_rng_state()
    rows = 2**20 // length**2 or 1
    found = choose(torch.device("cpu"), torch.float32, rows=rows * 4, num_heads=2, num_key_value_heads=1, length=length,
                   head_size=2, compiled=compiled, clock=clock)  # fmt: skip
    assert found == chosen
    assert clock.calls == 4 * TRIES
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("rows", "length", "chosen"), [(1, 64, "explicit"), (1, 700, "fused"), (4096, 512, "fused")])
def test_what_is_small_or_has_no_room_is_not_measured(rows, length, chosen):
    def never():
        raise AssertionError("measured")

    sizes = {"rows": rows, "num_heads": 2, "num_key_value_heads": 2, "length": length, "head_size": 2}
    assert choose(torch.device("cpu"), torch.float32, **sizes, clock=never) == chosen


def test_the_mask_lets_a_token_see_its_own_document_up_to_itself():
    segments = torch.tensor([[0, 0, 1, 1, 1]], dtype=torch.int32)
    allowed = causal_mask(segments, 5, torch.float32, torch.device("cpu"))[0, 0] == 0
    expected = [[j <= i and (j < 2) == (i < 2) for j in range(5)] for i in range(5)]
    assert allowed.tolist() == expected
