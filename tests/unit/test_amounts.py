"""Amounts as people read them."""

import pytest

from pronubes.amounts import age, amount, share, size


@pytest.mark.parametrize(
    ("write", "value", "expected"),
    [
        (amount, 1507, "1,507"),
        (size, 0, "0 B"),
        (size, 1023, "1023 B"),
        (size, 3 * 2**20, "3.0 MiB"),
        (size, 2**51, "2048.0 TiB"),
        (age, 0, "0 ns"),
        (age, 2_500_000, "2.5 ms"),
        (age, 90e9, "90 s"),
        (age, 600e9, "10 min"),
        (age, 3 * 86_400e9, "3.0 d"),
    ],
)
def test_amounts_have_units(write, value, expected):
    assert (write(value), write(None)) == (expected, "-")


def test_a_share_of_nothing_is_told_without_percent():
    assert (share(0, 0), share(1, 4), share(None, 4)) == ("0", "1 (25.00%)", "-")
