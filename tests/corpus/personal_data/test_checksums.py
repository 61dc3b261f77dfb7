"""Check sums against their definitions, and published examples."""

from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.personal_data._checksums import luhn, luhn_digit, mod_11_2, mod_97

digits = st.text("0123456789", min_size=2, max_size=24)


@given(digits)
def test_luhn_is_its_definition(number):
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(number))]
    assert luhn(number) == (sum(n // 10 + n % 10 for n in doubled) % 10 == 0)
    assert luhn(number + luhn_digit(number))


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=34))
def test_mod_97_is_the_number_read_digit_by_digit(characters):
    rest = 0
    for character in characters:
        value = int(character, 36)
        rest = (rest * (100 if value > 9 else 10) + value) % 97
    assert mod_97(characters) == rest


@given(st.text("0123456789", min_size=17, max_size=17))
def test_mod_11_2_makes_the_weighted_sum_one(body):
    """ISO 7064: Σ a_i 2^(i - 1) ≡ 1 (mod 11), counted from the right, X for 10."""
    check = mod_11_2(body)
    values = [10 if check == "X" else int(check), *map(int, reversed(body))]
    assert sum(value * 2**place for place, value in enumerate(values)) % 11 == 1


def test_published_examples():
    assert luhn("4111111111111111")
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert mod_97("WEST12345698765432GB82") == 1
    assert mod_11_2("11010519491231002") == "X"  # GB 11643-1999, annex
    assert mod_11_2("44052418800101001") == "4"
