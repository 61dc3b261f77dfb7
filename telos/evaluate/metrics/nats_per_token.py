"""Nats per token: the mean negative log-likelihood, comparable between models of one tokenizer.

    Σ nats / Σ tokens

Takes `Likelihood` parts.  Tests: tests/evaluate/metrics/test_nats_per_token.py.
"""

from telos.evaluate.metrics import LikelihoodMeter, Metric, Value


class NatsPerToken(Metric):
    """Ends of documents count as tokens."""

    def build(self) -> "NatsPerTokenMeter":
        return NatsPerTokenMeter(self)


class NatsPerTokenMeter(LikelihoodMeter):
    """Units seen so far."""

    def __init__(self, spec: NatsPerToken):
        super().__init__()
        self.spec = spec

    def compute(self) -> Value | None:
        seen = self.joined()
        value = seen.nats_per_token
        if value is None:
            return None
        return Value(value, "nats/token", len(seen.nats), seen.nats_per_token_interval(self.spec.seed), higher_is_better=False)
