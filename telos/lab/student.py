"""Student's distribution for any degrees of freedom, whole or not.

    P(|T| > t) = I_x(ν/2, 1/2),   x = ν / (ν + t²)

I is the regularised incomplete beta function, by its continued fraction (Abramowitz & Stegun 1964, 26.5.8 and 26.7.1), evaluated
as Lentz 1976 does.  Quantiles are found by halving.  Test: tests/lab/test_student.py (SciPy's distribution).
"""

import math
from functools import lru_cache

_TINY = 1e-300
_ENOUGH_TERMS = 10_000
_NORMAL_FREEDOM = 1e9
"""With more degrees of freedom the distribution is the normal one to all digits that count."""


def p_value(t: float, freedom: float) -> float:
    """P(|T| > |t|) with ``freedom`` ν > 0 degrees of freedom (infinity: the normal distribution)."""
    if math.isinf(t):
        return 0.0
    if freedom >= _NORMAL_FREEDOM:
        return math.erfc(abs(t) / math.sqrt(2))
    return _beta(freedom / (freedom + t * t), freedom / 2, 0.5, t * t / (freedom + t * t))


@lru_cache(4096)
def quantile(level: float, freedom: float) -> float:
    """t with P(|T| > t) = ``level``, 0 < level < 1."""
    low, high = 0.0, 1.0
    while p_value(high, freedom) > level:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if p_value(middle, freedom) > level else (low, middle)
    return high


def _beta(x: float, a: float, b: float, rest: float) -> float:
    """I_x(a, b); ``rest``: 1 − x, exact where x is near 1."""
    if x <= 0:
        return 0.0
    if rest <= 0:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - _beta(rest, b, a, x)
    logarithm = a * math.log(x) + b * math.log(rest) - math.log(a) - (math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))
    return math.exp(logarithm) * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1 / (1 + d₁ / (1 + d₂ / (1 + …))) of 26.5.8."""
    above, below, value = 1.0, 1.0 - (a + b) * x / (a + 1), 1.0
    below = 1 / (below or _TINY)
    value = below
    for m in range(1, _ENOUGH_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            below, above = 1 / ((1 + term * below) or _TINY), (1 + term / above) or _TINY
            step = below * above
            value *= step
        if abs(step - 1) < 1e-15:
            return value
    return value
