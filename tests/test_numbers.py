import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalefit._numbers import parse_numbers

from .strategies import written_sizes


@given(st.lists(written_sizes, min_size=1, max_size=6))
def test_written_sizes_are_read(written):
    texts, values = zip(*written, strict=True)
    read, faults = parse_numbers(pd.Series(texts), counts=True)
    assert read.tolist() == list(values)
    assert faults == {}


@pytest.mark.parametrize(
    "texts, counts, values, reasons",
    [
        (["85%", "0.5"], False, [0.85, 0.5], {}),
        (["abc", "1 2", "1__0", "1.2.3", "k"], True, [], {"not a number": 5}),
        (["", " ", "nan", "NA", "None", "1"], True, [1], {"missing": 5}),
        (["inf", "-inf", "Infinity"], True, [], {"infinite": 3}),
        (["0,85"], False, [], {"decimal=','": 1}),
        (["0,850"], True, [], {"decimal=','": 1}),
        (["1,5", "1,000"], True, [], {"decimal=','": 1, "thousands=','": 1}),
        (["3,214", "2,987"], False, [], {"thousands=','": 2}),  # losses with decimal commas
        (
            ["500", "1.000", "2.000.000"],
            True,
            [500],
            {"if it is a point": 1, "write it without": 1},
        ),
        (["1.000", "1.500"], True, [1, 1.5], {}),  # so writes to_csv(float_format="%.3f")
        (["500", "1.000", "1.5"], True, [500, 1, 1.5], {}),
        (["1", "2.125"], False, [1, 2.125], {}),
        (["1,000,000"], False, [1e6], {}),
        (["\u22122.5", "1e-3"], False, [-2.5, 1e-3], {}),
        (["1,00,000"], True, [], {"not a number": 1}),
        (
            ["10'000", "10\u202f000", "1\u00a0000 000", "10’000.5", "22 200 k"],
            True,
            [1e4, 1e4, 1e6, 10000.5, 22.2e6],
            {},
        ),
        (["10 00", "1 000'000", "10'0000"], True, [], {"not a number": 3}),
        (["0.637 ± 0.010", "0.637 (0.010)", "0.6+-0.1"], False, [], {"with its error": 3}),
        (
            ["0.394 [0.384, 0.404]", "0.39 (0.38-0.40)", "-1 [-2; 1]", "0,39 (0,38 – 0,40)"],
            False,
            [],
            {"with its interval": 4},
        ),
        (["0,394 (0,010)", "0.394 (-0.010)"], False, [], {"with its error": 2}),
        (["10000 cells", "1e4 tokens"], True, [], {"with words": 2}),
        (["10^4", "10**4.5"], True, [], {"write 10^4 as 1e4": 2}),
    ],
)
def test_text_is_read_or_refused_with_a_reason(texts, counts, values, reasons):
    read, faults = parse_numbers(pd.Series(texts), counts=counts)
    assert read[~np.isnan(read)].tolist() == values
    found = {part: at for part in reasons for why, at in faults.items() if part in why}
    assert {part: len(at) for part, at in found.items()} == reasons


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_being_text(values):
    read, faults = parse_numbers(pd.Series([repr(value) for value in values]), counts=True)
    assert read.tolist() == values
    assert faults == {}


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "value", "reason"),
    [
        ("1e400", ".", "", np.nan, "infinite"),
        ("1e308k", ".", "", np.nan, "infinite"),
        ("1,000k", ".", ",", 1e6, ""),
        ("1.000 M", ",", ".", 1e9, ""),
        ("10,00k", ".", ",", np.nan, "groups of three digits"),
        ("1,000,000", ",", "", np.nan, "the decimal sign more than once"),
    ],
)
def test_numbers_too_large_with_units_or_with_two_decimal_signs(
    text, decimal, thousands, value, reason
):
    column = pd.Series([text])
    column.attrs["signs"] = decimal, thousands
    read, faults = parse_numbers(column, counts=True)
    np.testing.assert_equal(read[0], value)
    assert list(faults) == [] if not reason else reason in next(iter(faults))


def test_dots_of_numbers_that_are_no_text_part_nothing():
    column = pd.Series([1, 2, 4, 8.125, 16], dtype=object)
    values, faults = parse_numbers(column, counts=True)
    assert (values.tolist(), faults) == ([1.0, 2.0, 4.0, 8.125, 16.0], {})
