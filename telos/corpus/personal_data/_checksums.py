"""Check sums of identifiers, as digits.  Test: tests/corpus/personal_data/test_checksums.py."""


def luhn(digits: str) -> bool:
    """Σ of the digits, every second from the right doubled and its digits added, is a multiple of 10 (ISO/IEC 7812-1, annex
    B)."""
    total = sum(map(int, digits[-1::-2]))
    for digit in digits[-2::-2]:
        total += (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)]
    return total % 10 == 0


def luhn_digit(body: str) -> str:
    """The digit that makes ``body`` pass `luhn` at its end."""
    return next(digit for digit in "0123456789" if luhn(body + digit))


_LETTERS = {ord(letter): str(value) for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}


def mod_97(characters: str) -> int:
    """The number that letters (A = 10 … Z = 35) and digits write, modulo 97 (ISO 7064, MOD 97-10); an IBAN, its first four
    characters moved to the end, gives 1."""
    return int(characters.translate(_LETTERS)) % 97


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def mod_11_2(body: str) -> str:
    """The check character of 17 digits: Σ weight × digit modulo 11, of "10X98765432" (GB 11643-1999, ISO 7064 MOD 11-2; the
    weights are 2^(17 - i) modulo 11)."""
    return "10X98765432"[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True)) % 11]
