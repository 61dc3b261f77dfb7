"""Perplexity, comparable between models of one tokenizer.

    exp(Σ nats / Σ tokens)          (Jelinek et al. 1977)

Takes `Likelihood` parts.  Tests: tests/evaluate/metrics/test_perplexity.py.
"""

from telos.evaluate.metrics import LikelihoodMeter, Metric, Value


class Perplexity(Metric):
    """Ends of documents count as tokens; the interval is that of nats per token, through exp."""

    def build(self) -> "PerplexityMeter":
        return PerplexityMeter(self)


class PerplexityMeter(LikelihoodMeter):
    """Units seen so far."""

    def __init__(self, spec: Perplexity):
        super().__init__()
        self.spec = spec

    def compute(self) -> Value | None:
        seen = self.joined()
        value = seen.perplexity
        if value is None:
            return None
        return Value(value, "perplexity", len(seen.nats), seen.perplexity_interval(self.spec.seed), higher_is_better=False)
