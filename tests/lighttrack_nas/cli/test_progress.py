"""Progress in plain lines, as files and other programs see it."""

import io

import pytest

from lighttrack_nas.reporting.progress_bar import progress


@pytest.mark.parametrize(("total", "units", "lines"), [(4, 4, 1), (4, 3, 0), (4, 9, 1), (None, 9, 0)])
def test_the_end_is_said_once_also_where_the_total_was_wrong(total: int | None, units: int, lines: int) -> None:
    stream = io.StringIO()
    with progress("tracking", total, "frames", stream) as advance:
        for _ in range(units):
            advance(1, "score 0.50")
    assert len(stream.getvalue().splitlines()) == lines
    assert stream.getvalue().startswith("tracking: 4/4 frames" if lines else "")


def test_words_on_the_whole_are_said_at_the_end() -> None:
    stream = io.StringIO()
    with progress("rank correlation", 2, "steps", stream) as advance:
        advance(2, "loss 0.50")
        advance(0, "2 of 2 trainings")
    assert stream.getvalue().splitlines()[1].endswith("2 of 2 trainings")
