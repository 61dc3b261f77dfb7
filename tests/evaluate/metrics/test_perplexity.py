import math

import numpy as np
import pytest

from telos.evaluate.likelihood import Likelihood
from telos.evaluate.metrics.perplexity import Perplexity


def test_known_value_with_its_facts():
    meter = Perplexity().build()
    meter.update(Likelihood(np.array([3.0, 9.0] * 3), np.full(6, 10.0), np.full(6, 3.0)))
    value = meter.compute()
    assert value.value == pytest.approx(math.exp(2))
    assert (value.unit, value.n, value.higher_is_better) == ("perplexity", 6, False)
    assert value.interval == pytest.approx((math.exp(1), math.exp(3)))
