"""metrics.jsonl: appended lines that survive crashes and resumes."""

import os

import numpy as np
import pytest

from telos.foundation.record import Record, read


@pytest.fixture
def path(tmp_path):
    record = Record(tmp_path / "metrics.jsonl")
    for step in range(1, 6):
        record.append(step=step, loss=np.float32(1) / step, 语=f"第{step}步")
    record.append(event="saved")
    record.close()
    return tmp_path / "metrics.jsonl"


def test_lines_come_back_in_order(path):
    lines = list(read(path))
    assert [line.get("step") for line in lines] == [1, 2, 3, 4, 5, None]
    assert lines[1] == {"step": 2, "loss": 0.5, "语": "第2步"}


def test_every_line_is_on_disk_before_the_record_is_closed(tmp_path):
    record = Record(tmp_path / "metrics.jsonl")
    record.append(step=1)
    assert list(read(tmp_path / "metrics.jsonl")) == [{"step": 1}]
    record.close()
    record.close()


@pytest.mark.parametrize("cut", [1, 2, 10])
def test_a_half_written_last_line_is_passed_over_and_dropped_on_resume(path, cut):
    path.write_bytes(path.read_bytes() + b'{"step":6,"loss":0.125}\n'[:-cut])
    assert len(list(read(path))) == 6
    record = Record(path)
    record.keep(5)
    record.append(step=6)
    record.close()
    assert [line.get("step") for line in read(path)] == [1, 2, 3, 4, 5, None, 6]


def test_steps_after_the_checkpoint_are_dropped(path):
    before = path.read_bytes().splitlines(keepends=True)
    record = Record(path)
    record.keep(3)
    record.append(step=4, loss=9.0)
    record.close()
    assert path.read_bytes().splitlines(keepends=True) == [*before[:3], before[5], b'{"step":4,"loss":9.0}\n']
    assert [file.name for file in path.parent.iterdir()] == ["metrics.jsonl"]


def test_no_file_has_no_lines(tmp_path):
    assert list(read(tmp_path / "none")) == []


def test_a_disk_that_takes_a_part_of_a_line_is_asked_for_the_rest(tmp_path):
    made = Record(tmp_path / "metrics.jsonl")
    whole = made._file

    class Slow:
        def write(self, content):
            return whole.write(content[:3])

        def __getattr__(self, name):
            return getattr(whole, name)

    made._file = Slow()
    made.append(step=1, note="月")
    made.append(step=2)
    made.close()
    assert list(read(tmp_path / "metrics.jsonl")) == [{"step": 1, "note": "月"}, {"step": 2}]


def test_what_is_kept_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    made = Record(tmp_path / "metrics.jsonl")
    made.append(step=1)
    made.append(step=2)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    made.keep(1)
    assert synced[0] == len(b'{"step":1}\n')
    made.append(step=2, again=True)
    made.close()
    assert list(read(tmp_path / "metrics.jsonl")) == [{"step": 1}, {"step": 2, "again": True}]
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.jsonl"]
