"""Columns too many for attention: told and refused before training, by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.fusers import room
from fusion.fusers.bottleneck import BottleneckFuser
from fusion.fusers.concat import ConcatFuser
from fusion.fusers.cross_attention import CrossAttentionFuser
from fusion.layers import ModelError
from fusion.network.room import check_room


@dataclass
class Wide:
    """A modality of which it is known how many columns come out; None: not before it is fitted."""

    known_columns: int | None


def asked(fuser: type, *, patients: int = 100, precision: str = "32", **counts: int | None) -> list[str]:
    config: Any = OmegaConf.create(
        {
            "model": {"fuser": {"_target_": f"{fuser.__module__}.{fuser.__qualname__}"}},
            "trainer": {"device": "cpu", "precision": precision},
            "datamodule": {"batch_size": 16},
        }
    )
    modalities: Any = {name: Wide(count) for name, count in counts.items()}
    return check_room(config, modalities, patients=patients)


def test_pairs_by_hand() -> None:
    assert CrossAttentionFuser.weighed({"a": 3, "b": 2}) == 6 * 7  # and the patient's token; and one image token
    assert BottleneckFuser.weighed({"a": 3, "b": 2}) == 9 + 4
    assert ConcatFuser.weighed({"a": 3}) == 0
    assert room.needed(pairs=42, patients=2, heads=4, size=4) == 4 * 2 * 4 * 42 * 4


def test_what_is_wide_and_fits_is_told_with_its_size_and_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "memory", lambda: 10**10)
    (told,) = asked(CrossAttentionFuser, rna=1_000, clinical=500)
    # 4 kept × 16 patients × 4 heads × 1,001 × 1,002 pairs × 4 bytes = 1.03 GB.
    assert told.startswith("modality.rna: attention relates each of its 1,000 columns to every other: 1.0 GB a batch")
    assert "modality.rna.components=50" in told
    assert "0.5 GB" in asked(CrossAttentionFuser, rna=1_000, clinical=1, precision="bf16")[0]
    assert "0.1 GB" in asked(CrossAttentionFuser, rna=1_000, clinical=1, patients=2)[0], "a batch of two patients"
    assert asked(CrossAttentionFuser, rna=500, clinical=9) == []


def test_what_does_not_fit_is_refused_with_the_widest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "memory", lambda: 10**10)
    with pytest.raises(ModelError, match=r"among 4,009 columns of each of 16 patients takes 16 GB; .* has 10\.") as no:
        asked(CrossAttentionFuser, clinical=9, rna=4_000)
    assert "rna has 4,000: set modality.rna.components=50" in str(no.value)
    with pytest.raises(ModelError, match="takes 16 GB"):
        asked(BottleneckFuser, clinical=9, rna=4_000)


def test_nothing_is_said_where_nothing_relates_columns() -> None:
    assert asked(ConcatFuser, rna=10**6, clinical=9) == []
    assert asked(CrossAttentionFuser, rna=10**6) == [], "one modality has nothing to fuse"
    assert asked(CrossAttentionFuser, slides=None, volumes=None) == []
