# SPDX-License-Identifier: Apache-2.0
"""What long commands say of their pace, on a terminal and in a log."""

import io
import sys
from types import SimpleNamespace

import pytest

from fsl_mrs_dl.cli import bids
from fsl_mrs_dl.cli.status_line import StatusLine
from fsl_mrs_dl.core.progress import FirstWord, Pace, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (89, "89 s"), (91, "2 min"), (5399, "90 min"), (5401, "1.5 h"), (90000, "25.0 h")],
)
def test_times_are_said_as_one_reads_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("elapsed_s", "done", "text"),
    [
        (10, 20, "2 per second, 40 s left"),
        (120, 10, "12 s each, 18 min left"),
        (0, 100, "left"),
        (50, 100, "0 s left"),
        (50, 101, " 0 s left"),
    ],
)
def test_rate_and_time_left_follow_from_what_is_done(elapsed_s, done, text):
    times = iter([5.0, 5.0 + elapsed_s])
    assert Pace(100, clock=lambda: next(times)).after(done).endswith(text)


def test_a_terminal_has_one_line_that_makes_room():
    terminal = Terminal()
    status = StatusLine(3, terminal)
    status.show(0)
    status.clear()
    terminal.write("a line\n")
    status.show(1)
    status.clear()
    status.show(3)  # the end needs no line
    last = terminal.getvalue().split("\r\x1b[K")
    assert last[1:3] == ["0 of 3", "a line\n"]
    assert last[3].startswith("1 of 3, ")
    assert last[4:] == [""]


def test_an_interruption_leaves_no_half_line_on_the_terminal(monkeypatch):
    def outcomes(*_):
        yield SimpleNamespace(stem="sub-01", state="done", message="")
        raise KeyboardInterrupt

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(bids, "_outcomes", outcomes)
    with pytest.raises(KeyboardInterrupt):
        bids._process([None] * 3, SimpleNamespace(quiet=False, json=False))
    assert "1 of 3, " in terminal.getvalue()
    assert terminal.getvalue().endswith("left\r\x1b[K")


@pytest.mark.parametrize(("stream", "total"), [(io.StringIO(), 3), (Terminal(), 1)])
def test_a_log_and_a_single_scan_have_none(stream, total):
    status = StatusLine(total, stream)
    status.show(0)
    status.clear()
    status.show(1)
    assert stream.getvalue() == ""


def test_the_first_word_is_said_once_when_a_minute_was_seen(caplog):
    caplog.set_level("INFO", logger="fsl_mrs_dl.core.progress")
    now = [0.0]
    word = FirstWord(Pace(100, clock=lambda: now[0]))
    for done, seconds in ((10, 50.0), (20, 100.0), (30, 150.0)):
        now[0] = seconds
        word.say(done)
    assert [record.getMessage() for record in caplog.records] == ["5 s each, 7 min left"]
