"""Pictures on pages: their bytes."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from fusion.report.pictures import data_uri


def test_a_picture_gives_up_quality_and_then_size_for_bytes() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (176, 120, 3), dtype=np.uint8)
    whole = base64.b64decode(data_uri(noise).partition(",")[2])
    least = base64.b64decode(data_uri(noise, quality=50).partition(",")[2])
    assert data_uri(noise, most=len(whole)) == data_uri(noise)
    assert data_uri(noise, most=len(least)) == data_uri(noise, quality=50)
    small = base64.b64decode(data_uri(noise, most=5_000).partition(",")[2])
    assert len(small) <= 5_000
    width, height = Image.open(io.BytesIO(small)).size
    assert 32 < width < 120
    assert abs(height / width - 176 / 120) < 0.03
    tiny = noise[:8, :8]
    assert data_uri(tiny, most=1) == data_uri(tiny), "of so few pixels nothing is to be saved"
