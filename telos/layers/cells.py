"""What a recurrent layer does at each step, forward and backward, for a whole sequence.

Each cell is given ``a_TBG``, the inputs' share of every gate for all steps at once (one large matrix product, made outside), and
adds the recurrent product step by step.  G is the number of gates times H.

    Tanh   h = tanh(a + U h'),  or max(0, ·)
    LSTM   i, f, o = σ(a + U h');  g = tanh(…);   c = f c' + i g;   h = o tanh(c)            gates in the order i, f, g, o
    GRU    r, z = σ(a + U h' + d);  n = tanh(a + r (U h' + d));   h = (1 − z) n + z h'        gates in the order r, z, n

Elman 1990; Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; Cho et al. 2014 in the form that torch and
cuDNN compute, the reset gate behind the product.  Products run in the type of ``a_TBG``; what adds up over time (the LSTM's c,
the GRU's h) and all sums of gates in fp32 at least, since steps smaller than 1/256 of a value are lost in bf16.

``keep``: one entry a step, None or a (B, 1) mask of 0 and 1 by which the state before the step is multiplied.
Tests: tests/layers/test_recurrent.py (torch.nn; finite differences in float64).
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

Keep = Sequence[Tensor | None]


class Run(NamedTuple):
    """What a forward pass leaves: ``out_TBH``, the hidden values in the type of the products; ``wide_TBH``, what adds up over
    time, where a cell has that; ``saved``, for the backward pass."""

    out_TBH: Tensor
    wide_TBH: Tensor | None
    saved: tuple[Tensor, ...]


class Gradients(NamedTuple):
    """``inputs_TBG``: of the inputs' share of the gates; ``products_TBG``: of U h' + d, which for all but the GRU is the same
    tensor; ``first_BH``, ``first_wide_BH``: of the state before the first step."""

    inputs_TBG: Tensor
    products_TBG: Tensor
    first_BH: Tensor
    first_wide_BH: Tensor | None


class Tanh:
    """h = tanh(a + U h'); ``rectified``: max(0, ·) instead."""

    gates: ClassVar[int] = 1
    parts: ClassVar[int] = 1
    wide: ClassVar[bool] = False

    def __init__(self, rectified: bool = False):
        self.rectified = rectified

    def forward(self, a_TBG: Tensor, u: Tensor, d: Tensor, *, h: Tensor, wide: Tensor | None, keep: Keep) -> Run:
        ut, kind = u.t(), _wide(a_TBG)
        for t, a in enumerate(a_TBG):
            h = _kept(h, keep[t])
            values = torch.addmm(a, h, ut, out=a).to(kind)
            h = a.copy_(values.clamp_min_(0) if self.rectified else _tanh_(values))
        return Run(a_TBG, None, ())

    def backward(
        self, u: Tensor, run: Run, dout: Tensor, dwide: Tensor | None, *, first: Tensor, first_wide: Tensor | None, keep: Keep
    ) -> Gradients:
        da, kind = torch.empty_like(run.out_TBH), _wide(run.out_TBH)
        for t in reversed(range(len(da))):
            dh = dout[t] if t == len(da) - 1 else _through(dout[t], da[t + 1], u, keep[t + 1])
            h, grown = run.out_TBH[t].to(kind), dh.to(kind)
            da[t] = grown * (h > 0) if self.rectified else torch.ops.aten.tanh_backward(grown, h)
        return Gradients(da, da, _through(None, da[0], u, keep[0]).to(first.dtype), None)


class LSTM:
    """Four gates and a cell c beside h."""

    gates: ClassVar[int] = 4
    parts: ClassVar[int] = 2
    wide: ClassVar[bool] = True

    def forward(self, a_TBG: Tensor, u: Tensor, d: Tensor, *, h: Tensor, wide: Tensor | None, keep: Keep) -> Run:
        assert wide is not None
        ut, size, kind = u.t(), h.shape[1], _wide(a_TBG)
        cells = torch.empty(*a_TBG.shape[:2], size, dtype=kind, device=h.device)
        out, c = torch.empty(cells.shape, dtype=a_TBG.dtype, device=h.device), wide
        for t, a in enumerate(a_TBG):
            h, c = _kept(h, keep[t]), _kept(c, keep[t])
            gates = torch.addmm(a, h, ut, out=a).to(kind)
            gates[:, 2 * size : 3 * size].mul_(2)  # tanh(x) = 2 σ(2x) − 1: one σ over all gates
            i, f, g, o = gates.sigmoid_().chunk(4, 1)
            g.mul_(2).sub_(1)
            c = torch.mul(f, c, out=cells[t]).addcmul_(i, g)
            h = torch.mul(o, _tanh_(c.clone()), out=out[t])
            a.copy_(gates)
        return Run(out, cells, (a_TBG,))

    def backward(
        self, u: Tensor, run: Run, dout: Tensor, dwide: Tensor | None, *, first: Tensor, first_wide: Tensor | None, keep: Keep
    ) -> Gradients:
        (gates_TBG,), cells, size = run.saved, run.wide_TBH, first.shape[1]
        assert cells is not None
        assert first_wide is not None
        da, kind, carry = torch.empty_like(gates_TBG), cells.dtype, None
        last, two, three = len(da) - 1, 2 * size, 3 * size
        for t in reversed(range(len(da))):
            dh = (dout[t] if t == last else _through(dout[t], da[t + 1], u, keep[t + 1])).to(kind)
            gates = gates_TBG[t].to(kind)
            i, f, g, o = gates.chunk(4, 1)
            before = _kept(cells[t - 1] if t else first_wide, keep[t])
            tanh = _tanh_(cells[t].clone())
            dc = torch.ops.aten.tanh_backward(dh * o, tanh)
            if carry is not None:
                dc += carry
            if dwide is not None:
                dc += dwide[t]
            grown = torch.empty_like(gates)
            torch.mul(dc, g, out=grown[:, :size])
            torch.mul(dc, before, out=grown[:, size:two])
            torch.mul(dh, tanh, out=grown[:, three:])
            da[t, :, :two] = torch.ops.aten.sigmoid_backward(grown[:, :two], gates[:, :two])
            da[t, :, two:three] = torch.ops.aten.tanh_backward(dc * i, g)
            da[t, :, three:] = torch.ops.aten.sigmoid_backward(grown[:, three:], o)
            carry = _kept(dc.mul_(f), keep[t])
        return Gradients(da, da, _through(None, da[0], u, keep[0]).to(first.dtype), carry)


class GRU:
    """Three gates; h itself adds up over time, so it is kept wide, and once more in the type of the products."""

    gates: ClassVar[int] = 3
    parts: ClassVar[int] = 1
    wide: ClassVar[bool] = True

    def forward(self, a_TBG: Tensor, u: Tensor, d: Tensor, *, h: Tensor, wide: Tensor | None, keep: Keep) -> Run:
        assert wide is not None
        ut, size, kind = u.t(), h.shape[1], _wide(a_TBG)
        two = 2 * size
        states = torch.empty(*a_TBG.shape[:2], size, dtype=kind, device=h.device)
        out = torch.empty(states.shape, dtype=a_TBG.dtype, device=h.device)
        products_n = torch.empty_like(out)
        for t, a in enumerate(a_TBG):
            h, wide = _kept(h, keep[t]), _kept(wide, keep[t])
            product, gates = torch.addmm(d, h, ut), a.to(kind)
            products_n[t] = product[:, two:]
            r, z = gates[:, :two].add_(product[:, :two]).sigmoid_().chunk(2, 1)
            n = _tanh_(gates[:, two:].addcmul_(r, product[:, two:].to(kind)))
            wide = torch.lerp(n, wide, z, out=states[t])
            h = out[t].copy_(wide)
            a.copy_(gates)
        return Run(out, states, (a_TBG, products_n))

    def backward(
        self, u: Tensor, run: Run, dout: Tensor, dwide: Tensor | None, *, first: Tensor, first_wide: Tensor | None, keep: Keep
    ) -> Gradients:
        (gates_TBG, products_n), states, size = run.saved, run.wide_TBH, first.shape[1]
        assert states is not None
        assert first_wide is not None
        dproducts, kind, carry = torch.empty_like(gates_TBG), states.dtype, None
        dn = torch.empty_like(products_n)
        last, two = len(dn) - 1, 2 * size
        for t in reversed(range(len(dn))):
            dh = (dout[t] if t == last else _through(dout[t], dproducts[t + 1], u, keep[t + 1])).to(kind)
            if carry is not None:
                dh = dh + carry
            if dwide is not None:
                dh = dh + dwide[t]
            gates = gates_TBG[t].to(kind)
            r, z, n = gates.chunk(3, 1)
            before = _kept(states[t - 1] if t else first_wide, keep[t])
            carry = dh * z
            of_n = torch.ops.aten.tanh_backward(dh - carry, n)
            grown = torch.empty_like(gates[:, :two])
            torch.mul(of_n, products_n[t], out=grown[:, :size])
            torch.mul(dh, before - n, out=grown[:, size:])
            dproducts[t, :, :two] = torch.ops.aten.sigmoid_backward(grown, gates[:, :two])
            dproducts[t, :, two:] = of_n * r
            dn[t] = of_n
            carry = _kept(carry, keep[t])
        dinputs = dproducts.clone()
        dinputs[:, :, two:] = dn
        assert carry is not None
        # h enters twice: wide into the sum, narrow into the product.
        return Gradients(dinputs, dproducts, _through(None, dproducts[0], u, keep[0]).to(first.dtype), carry)


Cell = Tanh | LSTM | GRU


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _tanh_(x: Tensor) -> Tensor:
    """tanh in place, as 2 σ(2x) − 1: torch's σ is several times faster than its tanh on a CPU."""
    return x.mul_(2).sigmoid_().mul_(2).sub_(1)


def _kept(state: Tensor, keep: Tensor | None) -> Tensor:
    return state if keep is None else state * keep.to(state.dtype)


def _through(gradient: Tensor | None, dproducts: Tensor, u: Tensor, keep: Tensor | None) -> Tensor:
    """The gradient of h that comes back through the product of the next step, added to its own."""
    if keep is not None:
        back = (dproducts @ u) * keep.to(u.dtype)
        return back if gradient is None else gradient + back
    return dproducts @ u if gradient is None else torch.addmm(gradient, dproducts, u)
