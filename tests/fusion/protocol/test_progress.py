"""What a job says of itself where there is no terminal."""

from __future__ import annotations

import pytest

from fusion.protocol.progress import JobProgress, rough


def test_a_line_every_so_often_with_the_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with JobProgress(clock=lambda: now[0]) as progress:
        progress.start("Training arms on folds", 40)
        for seconds, done in ((10.0, 1), (31.0, 2), (62.0, 4), (70.0, 5), (100.0, 10), (110.0, 40)):
            now[0] = seconds
            progress("Training arms on folds", done, 40)
        progress("Listing files", 0, 0)
        now[0] = 200.0
        progress("Listing files", 3000, 0)
        assert progress.seconds == 200.0
    lines = capsys.readouterr().err.rstrip().splitlines()
    assert lines == [
        "Training arms on folds …",
        "Training arms on folds: 2 of 40",
        "Training arms on folds: 4 of 40, about 9 min left",  # 15.5 s each, 36 to come
        "Training arms on folds: 10 of 40, about 5 min left",  # 10 s each, 30 to come
        "Listing files …",
        "Listing files: 3000",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "10 s"), (44, "40 s"), (100, "2 min"), (3600, "60 min"), (9000, "2 h")]
)
def test_times_that_are_guessed_are_round(seconds: float, said: str) -> None:
    assert rough(seconds) == said
