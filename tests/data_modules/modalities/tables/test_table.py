from __future__ import annotations

import numpy as np
import pytest

from data_modules.modalities.tables.table import Table
from fusion.contract import FusionError

TRAIN = [f"P{number:02d}" for number in range(1, 8)]
LABELS = np.array([1, 1, 1, 1, 0, 0, 0])


def fitted(source, **options):
    return Table(name="clinical", source=source, table="clinical", **options).fit(TRAIN, LABELS)


def test_items_and_table_agree(cohort):
    cohort.clinical[2] = "P02\t'--\t\t\tS0\tR0\tx"
    modality = Table(name="clinical", source=cohort.source(), table="clinical")
    assert modality.check() == []
    assert modality.patients == {f"P{number:02d}" for number in (1, 3, 4, 5, 6, 7, 8, 9, 10)}
    part = modality.fit(TRAIN, LABELS)
    assert part.load("P02") is None
    assert part.load("nobody") is None
    item = part.load("P09")
    assert item.values.shape == item.mask.shape == (len(part.spec.features),)
    assert item.values.dtype == np.float32
    assert item.mask.all()
    table = part.table(["P09", "P02", "P01"])
    assert list(table.index) == ["P09", "P02", "P01"]
    assert list(table.columns) == [feature.name for feature in part.spec.features]
    assert table.loc["P02"].isna().all()
    np.testing.assert_array_equal(table.loc["P09"].to_numpy(dtype=np.float32), item.values)
    assert part.selection is None
    assert part.spec.kind == "table"
    assert part.spec.token_shape == ()


def test_center_and_scale_give_back_the_raw_value(cohort):
    part = fitted(cohort.source())
    age = next(feature for feature in part.spec.features if feature.name == "age")
    assert part.table(["P09"])["age"].iloc[0] * age.scale + age.center == pytest.approx(49)


def test_held_out_rows_change_nothing_that_is_learned(cohort):
    """The rows of P08 to P10, who are held out, are altered beyond recognition."""
    before = fitted(cohort.source())
    for row in (8, 9, 10):
        cohort.clinical[row] = f"P{row:02d}\t'--\tG3\tnever seen\tS9\tR1\ty"
    after = fitted(cohort.source())
    assert before.spec == after.spec
    one, other = before.state(), after.state()
    assert one.config == other.config
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name])
    assert before.table(TRAIN).equals(after.table(TRAIN))
    assert not before.table(["P08"]).equals(after.table(["P08"]))


def test_order_of_training_patients_changes_nothing(cohort):
    modality = Table(name="clinical", source=cohort.source(), table="clinical")
    assert modality.fit(TRAIN, LABELS).spec == modality.fit(TRAIN[::-1], LABELS[::-1]).spec


def test_restored_is_bit_equal(cohort):
    source = cohort.source()
    part = fitted(source)
    again = Table(name="clinical", source=source, table="clinical").restore(part.state())
    assert again.spec == part.spec
    assert again.table(TRAIN).equals(part.table(TRAIN))


def test_restored_on_a_cohort_without_a_column(cohort):
    state = fitted(cohort.source()).state()
    source = cohort.source()
    with pytest.raises(FusionError, match=r"was trained with columns \['grade', 'subtype'\]"):
        Table(name="clinical", source=source, table="clinical", columns=["age"]).restore(state)


def test_nobody_to_learn_from(cohort):
    with pytest.raises(FusionError, match="none of 1 training patients is in table 'clinical'"):
        Table(name="clinical", source=cohort.source(), table="clinical").fit(["Q01"], np.array([1]))


def test_table_without_baseline_columns(cohort):
    columns = cohort.settings["tables"]["treatment"]["columns"]
    columns["agent"]["time"] = "post_baseline"
    assert "declares no baseline column" in Table(name="t", source=cohort.source(), table="treatment").check()[0]


def test_an_optional_column_that_the_file_lacks_is_no_input(cohort):
    columns = cohort.settings["tables"]["clinical"]["columns"]
    columns["stage"] = {"time": "baseline", "kind": "number", "optional": True}
    columns["age"]["optional"] = True
    names = [column.name for column in Table(name="clinical", source=cohort.source(), table="clinical").columns]
    assert "age" in names
    assert "stage" not in names
