"""The ``.ts`` and ``.arff`` parsers: what is written comes back, and broken text is one sentence."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tsinfogan.data.uea import UeaFile, decode, join_channels, padded, parse_arff, parse_ts
from tsinfogan.datasets._weka_split import JavaRandom, split_indices
from tsinfogan.errors import DataError, TsInfoGANError

Cases = list[list[NDArray[np.float64]]]

CLASSES = ("a", "bee", "3")
TS = "# a comment – with a dash\n@problemName Toy\n@classLabel true a b\n@data\n1,2.5,?:-3,4e-1,NaN:a\n5,6:7,8:b\n"
ARFF = (
    "% a comment\n@relation 'Toy data'\n@attribute 'first one' numeric\n@ATTRIBUTE t1 REAL\n"
    "@attribute target {'a', b}\n\n@data\n1,?,'a'\n2,-3e-2,b\n"
)

numbers = st.floats(allow_infinity=False)


@st.composite
def panels(draw: st.DrawFn, *, equal_length: bool) -> tuple[Cases, list[str]]:
    n_cases, n_channels = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    length = draw(st.integers(1, 5))
    series = st.lists(numbers, min_size=length if equal_length else 1, max_size=length)
    cases = [[np.array(draw(series)) for _ in range(n_channels)] for _ in range(n_cases)]
    return cases, [draw(st.sampled_from(CLASSES)) for _ in range(n_cases)]


def comma_list(values: NDArray[np.float64]) -> str:
    return ",".join("?" if np.isnan(value) else repr(float(value)) for value in values)


def as_ts(cases: Cases, labels: list[str]) -> str:
    rows = [":".join([*map(comma_list, case), label]) for case, label in zip(cases, labels, strict=True)]
    return "\n".join(["@problemName Any", "@timeStamps false", f"@classLabel true {' '.join(CLASSES)}", "@data", *rows])


def as_arff(cases: Cases, labels: list[str], channel: int) -> str:
    attributes = [f"@attribute t{index} numeric" for index in range(len(cases[0][0]))]
    rows = [f"{comma_list(case[channel])},{label}" for case, label in zip(cases, labels, strict=True)]
    return "\n".join(["@relation any", *attributes, f"@attribute target {{{','.join(CLASSES)}}}", "@data", *rows])


def assert_holds(file: UeaFile, cases: Cases, labels: list[str]) -> None:
    assert file.labels == tuple(labels)
    assert file.classes == CLASSES
    assert len(file.cases) == len(cases)
    for got, expected in zip(file.cases, cases, strict=True):
        for got_channel, expected_channel in zip(got, expected, strict=True):
            np.testing.assert_array_equal(got_channel, expected_channel)


@given(panels(equal_length=False))
def test_ts_round_trip(panel: tuple[Cases, list[str]]) -> None:
    assert_holds(parse_ts(as_ts(*panel), "x.ts"), *panel)


@given(panels(equal_length=True))
def test_arff_round_trip(panel: tuple[Cases, list[str]]) -> None:
    channels = [parse_arff(as_arff(*panel, channel), "x.arff") for channel in range(len(panel[0][0]))]
    assert_holds(join_channels(channels, "x"), *panel)


@given(st.data(), st.sampled_from([TS, ARFF]))
def test_broken_text_never_gives_anything_but_a_sentence(data: st.DataObject, text: str) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    broken = text[:start] + data.draw(st.text(max_size=10)) + text[end:]
    for parse in (parse_ts, parse_arff):
        with suppress(TsInfoGANError):
            parse(broken, "x")


@given(st.binary(max_size=200))
def test_any_bytes_never_give_anything_but_a_sentence(content: bytes) -> None:
    for parse in (parse_ts, parse_arff):
        with suppress(TsInfoGANError):
            parse(decode(content), "x")


def test_ts_by_hand() -> None:
    file = parse_ts(TS, "x.ts")
    assert file.labels == ("a", "b")
    np.testing.assert_array_equal(file.cases[0][1], [-3, 0.4, np.nan])
    np.testing.assert_array_equal(file.cases[1][0], [5, 6])


def test_arff_by_hand() -> None:
    file = parse_arff(ARFF, "x.arff")
    assert file.labels == ("a", "b")
    assert file.classes == ("a", "b")
    np.testing.assert_array_equal(file.cases[0][0], [1, np.nan])


def test_ts_without_classes() -> None:
    assert parse_ts("@classLabel false\n@data\n1,2:3,4", "x.ts").labels is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "header lines"),
        ("1,2:a", "header lines"),
        ("@classLabel true a\n@data\n", "no case|got none"),
        ("@classLabel true a\n@data\n1,x:a", "case 0, channel 0.*'x'"),
        ("@classLabel true a\n@data\n1,,2:a", "case 0, channel 0"),
        ("@classLabel true a\n@data\n1,2:a\n1:2:a", "case 1"),
        ("@classLabel true a\n@data\n1,1e999:a", "infinite"),
        ("@classLabel true a\n@data\n1,2:b", "label 'b'"),
        ("@classLabel true a\n@data\na", "case 0"),
        ("@timeStamps true\n@classLabel true a\n@data\n(0,1):a", "time stamps are not read; write csv"),
        ("@targetLabel true\n@data\n0.5", "expected 2 fields"),
        ("@dimensions 3\n@data\n1,2:3,4", "says @dimensions 3, its data says 2"),
        ("@dimension 1\n@data\n1,2:3,4", "says @dimension 1, its data says 2"),
        ("@univariate true\n@data\n1,2:3,4", "says @univariate true, its data has 2 channels"),
        ("@seriesLength 3\n@data\n1,2:3,4", "says @serieslength 3, its data says 2"),
        ("@equalLength true\n@data\n1,2\n3,4,5", "says @equalLength true, its series have 2 to 3 values"),
        ("@classLabel true a\n@data\n1,2:3", "label '3' is not among"),
        ("@data\n1,2_0", "'2_0'"),
    ],
)
def test_bad_ts_says_what_and_where(text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)toy\.ts.*({complaint})"):
        parse_ts(text, "toy.ts")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@data\n1,a", "numeric attributes"),
        ("@attribute t0 numeric\n@attribute c string\n@data\n1,a", "classes"),
        ("@attribute t0 relational\n@attribute c {a}\n@data\n1,a", "'relational'"),
        ("@attribute t0 numeric\n@attribute c {a}\n@data\n1,2,a", "1 values in case 0, got 2"),
        ("@attribute t0 numeric\n@attribute c {a}\n@data\n1,b", "label 'b'"),
        ("@attribute t0 numeric\n@attribute c {a}\n@data\n{0 1}", "case 0"),
    ],
)
def test_bad_arff_says_what_and_where(text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=rf"toy\.arff.*{complaint}"):
        parse_arff(text, "toy.arff")


def test_a_header_that_agrees_is_read() -> None:
    header = "@univariate false\n@dimensions 2\n@equalLength false\n@seriesLength 3\n@classLabel true a\n@data\n"
    file = parse_ts(f"#tsinfogan {{}}\n{header}1,2:3,4,5:?\n6,7:8,9:a", "x")
    assert (file.labels, file.classes, file.remark) == ((None, "a"), ("a",), "{}")


def test_relational_arff() -> None:
    head = "@relation r\n@attribute all relational\n@attribute a real\n@attribute b real\n@end all\n"
    file = parse_arff(head + "@attribute c {'x, y',\"it's\"}\n@data\n'1,2\\n3,?','x, y'\n\"4,5\\n6,7\",\"it's\"", "x")
    assert file.labels == file.classes == ("x, y", "it's")
    np.testing.assert_array_equal(file.cases[0], [[1, 2], [3, np.nan]])
    assert parse_arff(head + "@data\n'1,2\\n3,4'", "x").labels is None
    for data, complaint in (
        ("'1,2\\n3'", "2 values in case 0, got 1"),
        ("'1,2'\n'1,2\\n3,4'", "1 channels in case 1, got 2"),
    ):
        with pytest.raises(DataError, match=complaint):
            parse_arff(f"{head}@data\n{data}", "x")


def test_a_case_ends_with_the_last_value_of_any_channel() -> None:
    values, lengths, notes = padded(parse_ts("@data\n1,?,3,?:4,?,?,?\n5,6,?:7,8,9\n?,?:?,?", "x"), "x")
    assert lengths.tolist() == [3, 3, 2]
    nan = np.nan
    expected = [[[1, nan, 3], [4, nan, nan]], [[5, 6, nan], [7, 8, 9]], [[nan] * 3, [nan] * 3]]
    np.testing.assert_array_equal(values, np.array(expected, np.float32))
    assert notes == ()


def test_channels_of_a_case_are_as_long_in_time() -> None:
    values, lengths, notes = padded(parse_ts("@data\n0,1,2,3,4:0,4\n1,2:3,4", "x"), "x")
    assert values[0].tolist() == [[0, 1, 2, 3, 4]] * 2
    assert lengths.tolist() == [5, 2]
    assert "1 channels have fewer values" in notes[0]


def test_targets_of_a_regression_are_left_out() -> None:
    file = parse_ts("@targetLabel true\n@data\n1,2:0.5\n3,4:0.7", "x")
    assert [case[0].tolist() for case in file.cases] == [[1, 2], [3, 4]]
    assert "targets" in file.notes[0]


def test_channels_must_belong_together() -> None:
    one = parse_arff(ARFF, "x")
    other = parse_arff(ARFF.replace("2,-3e-2,b", "2,-3e-2,a"), "y")
    with pytest.raises(DataError, match="same cases"):
        join_channels([one, other], "both")


def test_latin_1_is_read() -> None:
    assert decode("# dash –\n".encode("cp1252")).startswith("# dash")
    assert decode(b"\xef\xbb\xbf@data") == "@data"


def test_java_random_follows_java() -> None:
    """``new java.util.Random(42).nextInt(10)`` and ``new java.util.Random(0).nextInt(100)``, as widely printed."""
    random = JavaRandom(42)
    assert [random.next_int(10) for _ in range(5)] == [0, 3, 8, 4, 0]
    random = JavaRandom(0)
    assert [random.next_int(100) for _ in range(5)] == [60, 48, 29, 47, 15]


def test_split_halves_every_class() -> None:
    labels = np.array([0, 1, 0, 1, 0, 1, 1, 0, 0])
    train, test = split_indices(labels)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert labels[train].tolist() == [0, 0, 1, 1]
    assert labels[test].tolist() == [0, 0, 0, 1, 1]


def test_padding_of_one_long_case_is_refused_before_it_takes_memory() -> None:
    text = "@univariate true\n@classLabel false\n@data\n" + "1\n" * 20_000 + ",".join("1" * 100_000)
    with pytest.raises(DataError, match="120,000 numbers would take an array of 20001 x 1 x 100000"):
        padded(parse_ts(text, "x"), "x")


def test_quotes_of_the_last_field_are_found_in_linear_time() -> None:
    head = "@relation x\n@attribute a numeric\n@attribute class {x,\"it's\",'a,b'}\n@data\n"
    assert parse_arff(head + "1, \"it's\"\n2,'a,b'\n3,'it\\'s'\n4,x\n", "f").labels == ("it's", "a,b", "it's", "x")
    for hostile in (" " * 300_000 + "\"x'", "\\'" * 300_000, '"\\' * 300_000 + "'"):  # a minute each where quadratic
        with pytest.raises(DataError):
            parse_arff(head + "1,2," + hostile, "f")
