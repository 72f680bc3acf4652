"""Attribution to voxels on a real encoder and real planes: sums, blank starts, missing sequences, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from data_modules.ingest.volumes.grid import from_patches
from data_modules.ingest.volumes.panel import grey, planes
from fusion.apply.trained import Member
from fusion.attribution.gradients import attribute_voxels
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import Settings, explain_patient
from fusion.attribution.plan import Patient
from fusion.attribution.scale import scale_of
from fusion.contract import EndpointSpec, FeatureSpec, Item, ModalitySpec, State
from fusion.evaluation.calibration import Platt
from fusion.network.model import build_model
from fusion.report import attribution_patient
from fusion.report.attribution_volume import HEIGHT_PX, volume_view

GRID, PATCH = (2, 1, 2), (4, 4, 4)
SPEC = ModalitySpec(
    name="mri",
    kind="volume",
    token_shape=PATCH,
    sequences=("pre", "post"),
    grid=GRID,
    features=tuple(
        FeatureSpec(name=f"{sequence}:{x},{y},{z}", kind="patch", label=f"{sequence}, patch {x}, {y}, {z}")
        for sequence in ("pre", "post")
        for x, y, z in np.ndindex(*GRID)
    ),
)
MODEL: dict[str, Any] = {
    "width": 8,
    "modality_dropout": 0.0,
    "encoders": {"mri": {"_target_": "fusion.encoders.volumes.cnn.VolumeCNN", "channels": [4, 4]}},
    "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
    "head": {"_target_": "fusion.heads.response.BinaryResponse"},
}


@dataclass
class Fitted:
    """Holds its items, and cuts them as `data_modules.modalities.volumes.volumes` does."""

    items: Mapping[str, Item]
    spec: ModalitySpec = SPEC
    selection: None = None
    plane_mm = ((4.0, 8.0), (16.0, 8.0), (16.0, 4.0))

    def load(self, patient_id: str) -> Item | None:
        return self.items.get(patient_id)

    def table(self, patient_ids: Any) -> pd.DataFrame:
        return pd.DataFrame(index=list(patient_ids))

    def state(self) -> State:
        return State(config={}, arrays={})

    def grey(self, patches: NDArray[Any]) -> NDArray[np.uint8]:
        return grey(patches)

    def planes(self, patches: NDArray[Any], *, through: int) -> list[NDArray[Any]]:
        corner = np.array(np.unravel_index(through, GRID)) * PATCH
        return planes(from_patches(patches, GRID), [int(x) for x in corner + 2])


def item(rng: np.random.Generator, *, pre: bool = True) -> Item:
    mask = np.repeat([pre, True], 4)
    values = rng.normal(1.0, 1.0, (8, *PATCH)).astype(np.float32) * mask[:, None, None, None]
    return Item(values=values, mask=mask)


@pytest.fixture(scope="module")
def member() -> ExplainedMember:
    return volume_member()


def volume_member() -> ExplainedMember:
    rng = np.random.default_rng(3)
    items = {"t1": item(rng), "t2": item(rng, pre=False), "x": item(rng), "no_pre": item(rng, pre=False)}
    model = build_model(MODEL, {"mri": SPEC}, EndpointSpec(name="r", kind="binary", classes=("no", "yes")), seed=1)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.mul_(5)
    fitted: dict[str, Any] = {"mri": Fitted(items)}
    return ExplainedMember(
        Member(fold="f", index=0, model=model.eval(), fitted=fitted, calibrator=Platt(slope=2.0, intercept=0.1)),
        ("t1", "t2"),
    )


def test_the_start_is_the_mean_voxel_of_each_sequence_in_training_patients(member: ExplainedMember) -> None:
    items = member.member.fitted["mri"].items  # type: ignore[attr-defined]
    pre = items["t1"].values[:4].mean()  # t2 lacks it
    post = np.mean([items[one].values[4:].mean() for one in ("t1", "t2")])
    found = member.baselines["mri"].intensity
    assert found is not None
    torch.testing.assert_close(found, torch.tensor([pre] * 4 + [post] * 4, dtype=torch.float32))


def test_chosen_patches_have_the_tokens_they_have_among_all(member: ExplainedMember) -> None:
    inputs = member.load("x")
    loaded = inputs.items["mri"]
    assert loaded is not None
    chosen = [6, 1, 4]
    some = member.encode_patches("mri", torch.from_numpy(loaded.values[chosen])[None], torch.tensor(chosen))
    torch.testing.assert_close(some[0], inputs.tokens["mri"][0, chosen])


def test_voxels_add_up_to_the_change_from_blank_patches(member: ExplainedMember) -> None:
    inputs, chosen = member.load("x"), [6, 1]
    found = attribute_voxels(member, inputs, "mri", chosen, steps=32)
    assert found.scores.shape == (2, *PATCH)
    loaded, blank = inputs.items["mri"], member.baselines["mri"].intensity
    assert loaded is not None
    assert blank is not None
    # Independently: the whole model on the volume with these patches blanked.
    values = torch.from_numpy(loaded.values.copy())
    values[chosen] = blank[chosen][:, None, None, None]
    without = {"mri": member.encode("mri", values[None])}
    change = float(member.log_odds(inputs.tokens, inputs.masks) - member.log_odds(without, inputs.masks))
    assert abs(change) > 0.01
    assert float(found.scores.sum()) == pytest.approx(change, abs=0.05 * abs(change) + 1e-3)
    assert found.delta == pytest.approx(float(found.scores.sum()) - change, abs=1e-4)


def test_a_page_shows_the_planes_of_what_is_there(member: ExplainedMember) -> None:
    settings = Settings(arm="fusion", method="integrated_gradients", steps=16, tiles=2)
    for patient, sequences in (("x", ["pre", "post"]), ("no_pre", ["post"])):
        found = explain_patient([member, member], patient, settings)
        content = found.facts["volumes"]["mri"]
        assert [one["name"] for one in content["sequences"]] == sequences
        rows = found.rows[found.rows["feature"] != "(modality)"].set_index("feature")
        assert content["through"] == rows["attribution"].abs().idxmax()
        assert {name.partition(":")[0] for name in rows.index} == set(sequences), "a patch that is not there has no row"
        for one in content["sequences"]:
            mine = rows[rows.index.str.startswith(one["name"])]
            assert one["attribution"] == pytest.approx(mine["attribution"].sum())
        assert len(content["explained"]) == 2
        assert {key.split("_")[0] for key in found.pictures} == {"plane", "heat", "voxels"}
        view = volume_view("mri", content, found.pictures)
        assert [len(row["drawn"][kind]) for row in view["sequences"] for kind in row["drawn"]] == [3] * 3 * len(
            sequences
        )


def test_a_page_lists_patches_by_sequence_and_place_and_not_among_columns(
    member: ExplainedMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution_patient, "PATCHES", 3)
    settings = Settings(arm="fusion", method="integrated_gradients", steps=16, tiles=2)
    found = explain_patient([member], "x", settings)
    pooled = {"modality": "mri", "feature": "pooled:pre:p90", "label": "pre:p90", "value": 2.0, "baseline": 1.5}
    both = pd.concat([found.rows, pd.DataFrame([{**pooled, "attribution": 0.1}])], ignore_index=True)
    for text in ("gene", "consequence", "unit", "level"):
        both[text] = None
    endpoint = EndpointSpec(name="r", kind="binary", classes=("no", "yes"))
    patient = Patient(id="x", name="x", fold=0, label=1, score=0.5)
    view = attribution_patient.patient_view(patient, both, found.facts, found.pictures, scale_of(endpoint))
    (table,) = view["tables"]
    assert [(row["label"], row["shown"], row["usual"]) for row in table["rows"]] == [("pre:p90", "2", "1.5")]
    (volume,) = view["volumes"]
    patches = found.rows[found.rows["feature"] != "(modality)"].set_index("feature")
    most = patches["attribution"].abs().sort_values(ascending=False).index[:3]
    assert [row["label"] for row in volume["patches"]] == [patches.loc[one, "label"] for one in most]
    assert [row["value"] for row in volume["patches"]] == pytest.approx(patches.loc[most, "attribution"].tolist())
    assert [row["attention"] for row in volume["patches"]] == pytest.approx(patches.loc[most, "attention"].tolist())
    assert volume["through"] == patches.loc[most[0], "label"], "the caption names the patch as the table does"
    assert volume["patch_limit"] == pytest.approx(abs(patches.loc[most[0], "attribution"]))


def test_planes_are_of_the_size_of_the_patient_and_coloured_by_sign(member: ExplainedMember) -> None:
    import base64
    import io

    from PIL import Image

    heat = np.zeros((4, 8), dtype=np.float32)
    heat[:, :4], heat[:, 4:] = 1.0, -1.0
    pictures: dict[str, NDArray[Any]] = {}
    for k, shape in enumerate(((4, 8), (8, 8), (8, 4))):
        for kind in ("heat", "voxels"):
            pictures[f"{kind}_mri_0_{k}"] = heat if k == 0 else np.zeros(shape, dtype=np.float32)
        pictures[f"plane_mri_0_{k}"] = np.full(shape, 128, dtype=np.uint8)
    content = {
        "mm": Fitted.plane_mm,
        "sequences": [{"name": "pre", "number": 0, "attribution": 0.0, "attention": 1.0}],
        "through": "pre:0,0,0",
        "explained": [0],
        "voxel_delta": 0.0,
    }
    view = volume_view("mri", content, pictures)
    drawn = view["sequences"][0]["drawn"]
    assert view["patch_limit"] == 1.0
    still = {key: np.zeros_like(part) for key, part in pictures.items() if key.startswith(("heat", "voxels"))}
    assert volume_view("mri", content, pictures | still)["patch_limit"] == 0.0, "no colour where no patch counts"
    image = Image.open(io.BytesIO(base64.b64decode(drawn["patches"][0].partition(",")[2])))
    assert image.size == (round(8 * HEIGHT_PX / 16), round(4 * HEIGHT_PX / 16))
    left, right = image.getpixel((10, 20)), image.getpixel((90, 20))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > left[2] + 60  # vermilion speaks for
    assert right[2] > right[0] + 60  # blue speaks against
