"""Files that other programs, or hands, have written."""

import numpy as np
import pandas as pd
import pytest

from tsinfogan.data.columns import ColumnNames
from tsinfogan.errors import DataError
from tsinfogan.formats import read_panel


def test_partitions_by_a_column_are_read(tmp_path):
    frame = pd.DataFrame({"case": [0, 0, 1, 1], "time": [0, 1, 0, 1], "x": [1.5, 2, 3, 4]})
    frame.to_parquet(tmp_path / "mine.parquet", partition_cols=["case"])
    assert read_panel(tmp_path / "mine.parquet").values.tolist() == [[[1.5, 2]], [[3, 4]]]


def test_arff_of_each_channel_is_joined(tmp_path):
    head = "@relation r\n@attribute a numeric\n@attribute b numeric\n@attribute c {u,'v w'}\n@data\n"
    for channel in (1, 2, 10):
        (tmp_path / f"ToyDimension{channel}_TRAIN.arff").write_text(f"{head}{channel},1,u\n2,?,'v w'\n")
    with pytest.raises(DataError, match="got none for channel 3"):
        read_panel(tmp_path / "ToyDimension1_TRAIN.arff")
    (tmp_path / "ToyDimension10_TRAIN.arff").unlink()
    panel = read_panel(tmp_path / "ToyDimension2_TRAIN.arff")
    assert panel.name == "Toy_TRAIN"
    assert panel.case(0).tolist() == [[1, 1], [2, 1]]
    assert (panel.case_lengths.tolist(), panel.classes, panel.labels.tolist()) == ([2, 1], ("u", "v w"), [0, 1])


def test_combined_arff_by_hand(tmp_path):
    path = tmp_path / "Toy.arff"
    path.write_text(
        "@relation Toy\n@attribute series relational\n  @attribute t0 numeric\n  @attribute t1 numeric\n@end series\n"
        "@attribute class {a,b}\n@data\n\"1,2\\n3,4\",a\n'5,6\\n7,8',b\n"
    )
    panel = read_panel(path)
    assert panel.values.tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert panel.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    "remark",
    ["{", "[]", '{"channels": ["x"]}', '{"kinds": ["odd", "odd"]}', '{"classes": ["a"]}', '{"time_step": "fast"}',
     '{"time_unit": 3}', '{"columns": 3}', "[" * 9999, '{"channels": 3}', '{"time_origin": ["2020"]}'],
)  # fmt: skip
def test_a_remark_that_does_not_fit_is_refused(remark, tmp_path):
    path = tmp_path / "mine.ts"
    path.write_text(f"#tsinfogan {remark}\n@classLabel true a b\n@data\n1,2:3,4:a\n")
    with pytest.raises(DataError, match=r"mine\.ts: its comment 'tsinfogan' does not fit its data"):
        read_panel(path)


def test_wide_by_hand(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("id,y,0,0.5,1\nb,u,1,2,3\na,v,4,5,\n")
    panel = read_panel(path, ColumnNames(case="id", label="y"))
    assert panel.channels == ("value",)
    assert panel.kinds == ("integer",)
    assert (panel.time_step, panel.classes, panel.case_lengths.tolist()) == (0.5, ("u", "v"), [3, 2])
    path.write_text("label,2020-01-31,2020-02-29,2020-03-31\nu,1,,3\nv,4,5,\n")
    with pytest.raises(DataError, match="1 of 3 values are missing in case 0, channel 'value'"):
        read_panel(path)
    path.write_text("label,2020-01-31,2020-02-29,2020-03-31,2020-05-31,2020-04-30\nu,1,,3.5,4,3\nv,4,5,6,,\n")
    panel = read_panel(path)
    assert (panel.time_frequency, panel.time_origin) == ("ME", "2020-01-31T00:00:00")
    assert panel.case(0).tolist() == [[1, 2.25, 3.5, 3, 4]]
    assert panel.case(1).tolist() == [[4, 5, 6]]


def test_channels_of_a_wide_file_may_be_called_like_columns(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("case,channel,0,1\n7,label,1,2\n7,time,3,4\n7,case,5,6\n")
    assert read_panel(path).channels == ("label", "time", "case")
    chosen = read_panel(path, ColumnNames(channels=("case", "time")))
    assert (chosen.values.tolist(), chosen.labels) == ([[[5, 6], [3, 4]]], None)
    with pytest.raises(DataError, match="no column 'x', only 'label', 'time', 'case'"):
        read_panel(path, ColumnNames(channels=("x",)))


def test_a_wide_header_with_a_gap_and_one_that_is_uneven(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("case,0,1,2,3,5,6,7,8\n0,0,1,2,3,5,6,7,8\n1,0,1,2,3,5,6,7,\n")
    panel = read_panel(path)
    assert panel.case(0).tolist() == [list(range(9))]
    assert panel.case(1).tolist() == [list(range(8))]
    assert len(panel.notes) == 2
    path.write_text("case,0,1.3,2,2.8\n0,0.0,1.3,2.0,2.8\n")
    panel = read_panel(path)
    assert "uneven" in panel.notes[0]
    np.testing.assert_allclose(panel.case(0)[0], [0, 0.8, 1.6, 2.4, 2.8], atol=1e-6)  # the last one is the nearest
