from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fusion.evaluation.units import held_together, units_of

IDS = ["a", "b", "c", "d"]


def table(*groups: str | None) -> pd.DataFrame:
    return pd.DataFrame({"patient_id": IDS, "group": pd.array(groups, dtype="string")})


def test_who_has_no_group_stands_alone() -> None:
    units = units_of(table("x", None, "x", None), IDS)
    assert units.of.tolist() == [0, 1, 2, 3]  # three groups are too few to be drawn
    assert (units.groups, units.largest, units.conditional) == (3, 2, True)
    assert units.grouped is None
    many = pd.DataFrame({"patient_id": [f"p{n:02}" for n in range(40)], "group": [f"g{n // 2}" for n in range(40)]})
    units = units_of(many.sample(frac=1, random_state=0), list(many["patient_id"]))
    assert units.grouped is not None
    assert (units.of[::2] == units.of[1::2]).all()
    assert (units.groups, len(set(units.of))) == (20, 20)


@pytest.mark.parametrize("groups", [(None,) * 4, ("w", "x", "y", "z"), ("w", None, None, "z")])
def test_nobody_shares_a_group(groups: tuple[str | None, ...]) -> None:
    units = units_of(table(*groups), IDS)
    assert (units.groups, units.conditional, units.of.tolist()) == (None, False, [0, 1, 2, 3])
    assert units_of(table(*groups).drop(columns="group"), IDS).record() == units.record()


def test_what_folds_hold_together_by_hand() -> None:
    families = pd.Series({"a": "F", "b": "F", "c": "G"})
    sites = pd.Series({"a": "s1", "b": "s2", "c": "s3", "d": "s2"})
    assert held_together(IDS, None, None).isna().all()
    assert held_together(IDS, families, None).fillna("-").tolist() == ["F", "F", "G", "-"]
    # The family joins sites 1 and 2, so a, b and d are one unit.
    both = held_together(IDS, families, sites)
    assert both["a"] == both["b"] == both["d"] != both["c"]
    alone = held_together([*IDS, "e"], families, sites)
    assert pd.isna(alone["e"])


def test_the_column_survives_the_run_folder(tmp_path: Path) -> None:
    for groups in (held_together(IDS, None), held_together(IDS, pd.Series({"a": "F", "b": "F"}))):
        parts = [pd.DataFrame({"patient_id": part, "group": groups.loc[part].array}) for part in (IDS[:2], IDS[2:])]
        for number, part in enumerate(parts):
            part.to_parquet(tmp_path / f"{number}.parquet", index=False)
        whole = pd.concat([pd.read_parquet(tmp_path / f"{number}.parquet") for number in range(2)], ignore_index=True)
        whole.to_parquet(tmp_path / "all.parquet", index=False)
        read = pd.read_parquet(tmp_path / "all.parquet")["group"]
        assert read.isna().tolist() == groups.isna().tolist()
        assert read.dropna().tolist() == groups.dropna().tolist()
