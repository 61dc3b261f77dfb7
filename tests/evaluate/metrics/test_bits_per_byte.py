import math

import numpy as np
import pytest

from telos.evaluate.likelihood import Likelihood
from telos.evaluate.metrics import Metric
from telos.evaluate.metrics.bits_per_byte import BitsPerByte


def part(nats: list[float]) -> Likelihood:
    return Likelihood(np.array(nats), np.full(len(nats), 10.0), np.full(len(nats), 3.0))


def test_known_value_with_its_facts():
    meter = BitsPerByte().build()
    meter.update(part([10 * math.log(2), 30 * math.log(2)] * 3))
    value = meter.compute()
    assert value.value == pytest.approx(2)
    assert (value.unit, value.n, value.higher_is_better) == ("bits/byte", 6, False)
    assert value.interval == pytest.approx((1, 3))


@pytest.mark.parametrize("kind", ["bits_per_byte", "nats_per_token", "perplexity"])
def test_any_split_into_parts_gives_the_value_of_the_whole(kind: str):
    nats = np.random.default_rng(1).exponential(5, 40).tolist()
    metric = Metric.parse(kind)
    whole = metric.build()
    whole.update(part(nats))
    for cut in (0, 1, 17, 40):
        first, second = metric.build(), metric.build()
        first.update(part(nats[:cut]))
        second.update(part(nats[cut:]))
        first.merge(second)
        assert first.compute() == whole.compute()


@pytest.mark.parametrize("kind", ["bits_per_byte", "nats_per_token", "perplexity"])
def test_nothing_seen_is_left_out_and_one_unit_has_no_interval(kind: str):
    meter = Metric.parse(kind).build()
    assert meter.compute() is None
    meter.update(part([1.0]))
    assert meter.compute().interval is None


@pytest.mark.parametrize("kind", ["bits_per_byte", "nats_per_token", "perplexity"])
def test_the_seed_reaches_the_interval(kind: str):
    found = []
    for seed in (1, 2):
        meter = Metric.parse({"kind": kind, "seed": seed}).build()
        meter.update(part(np.random.default_rng(1).exponential(5, 40).tolist()))
        found.append(meter.compute())
    assert found[0].value == found[1].value
    assert found[0].interval != found[1].interval


def test_characters_are_joined_where_every_part_has_them():
    counted = Likelihood(np.ones(2), np.ones(2), np.ones(2), np.array([3.0, 4.0]))
    meter = BitsPerByte().build()
    meter.update(counted)
    assert meter.joined().characters.tolist() == [3, 4]
    meter.update(part([1.0]))
    assert meter.joined().characters is None
