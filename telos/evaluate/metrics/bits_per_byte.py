"""Bits per byte: what a model needs to write a text down, whatever its tokenizer.

    Σ nats / (ln 2 · Σ bytes)

Takes `Likelihood` parts.  Tests: tests/evaluate/metrics/test_bits_per_byte.py.
"""

from telos.evaluate.metrics import LikelihoodMeter, Metric, Value


class BitsPerByte(Metric):
    """One scale for every model that gives a likelihood; the bytes are those of the UTF-8 text."""

    def build(self) -> "BitsPerByteMeter":
        return BitsPerByteMeter(self)


class BitsPerByteMeter(LikelihoodMeter):
    """Units seen so far."""

    def __init__(self, spec: BitsPerByte):
        super().__init__()
        self.spec = spec

    def compute(self) -> Value | None:
        seen = self.joined()
        value = seen.bits_per_byte
        if value is None:
            return None
        return Value(value, "bits/byte", len(seen.nats), seen.bits_per_byte_interval(self.spec.seed), higher_is_better=False)
