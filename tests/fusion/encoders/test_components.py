from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA

from fusion.contract import FeatureSpec, ModalityBatch, ModalitySpec
from fusion.encoders.components import PrincipalComponents
from fusion.encoders.tables.table import TableEncoder
from fusion.encoders.variants.features import VariantEncoder


def correlated(patients: int, features: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(patients, 3, generator=generator) @ torch.randn(3, features, generator=generator)
    return mixed + 0.1 * torch.randn(patients, features, generator=generator)


def test_components_equal_scikit_learns() -> None:
    values = correlated(40, 6)
    components = PrincipalComponents(6, components=3, clip=1e4)
    components.fit(values)
    expected = PCA(3, whiten=True).fit_transform(values.double().numpy())
    found = components(values).numpy()
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-3)


def test_the_sign_is_fixed() -> None:
    values = correlated(40, 6)
    one, two = PrincipalComponents(6, components=3, clip=2.0), PrincipalComponents(6, components=3, clip=2.0)
    one.fit(values)
    two.fit(values.flip(0))
    torch.testing.assert_close(one.basis, two.basis, rtol=1e-4, atol=1e-5)
    assert (one.basis.gather(0, one.basis.abs().argmax(dim=0, keepdim=True)) > 0).all()


def test_one_extreme_patient_does_not_make_a_component() -> None:
    values = correlated(40, 6)
    extreme = values.clone()
    extreme[0, 5] = 500.0
    one, two = PrincipalComponents(6, components=1, clip=2.0), PrincipalComponents(6, components=1, clip=2.0)
    one.fit(values)
    two.fit(extreme)
    cosine = torch.nn.functional.cosine_similarity(one.basis[:, 0], two.basis[:, 0], dim=0)
    assert float(cosine) > 0.99
    assert float(two.bend(extreme).abs().max()) <= 2.0


def test_more_components_than_patients_or_features() -> None:
    few = PrincipalComponents(6, components=5, clip=2.0)
    few.fit(correlated(3, 6))
    assert torch.isfinite(few(correlated(3, 6))).all()
    assert not few.basis[:, 3:].any(), "three patients have no more than three"
    assert PrincipalComponents(2, components=5, clip=2.0)(torch.ones(1, 2)).shape == (1, 2)
    constant = PrincipalComponents(2, components=2, clip=2.0)
    constant.fit(torch.ones(5, 2))
    assert torch.isfinite(constant(torch.ones(5, 2))).all()


def test_encoders_learn_them_from_those_who_have_the_modality() -> None:
    features = tuple(FeatureSpec(name=f"f{i}", kind="burden", label=f"f{i}") for i in range(6))
    values, mask = correlated(20, 6), torch.ones(20, 6, dtype=torch.bool)
    mask[15:] = False
    expected = PrincipalComponents(6, components=4, clip=2.0)
    expected.fit(values[:15])
    batches = [ModalityBatch(values=v, mask=m) for v, m in zip(values.split(7), mask.split(7), strict=True)]
    for encoder in (
        TableEncoder(ModalitySpec(name="t", kind="table", features=features), width=4),
        VariantEncoder(ModalitySpec(name="v", kind="variants", features=features), width=4),
    ):
        encoder.start(batches)
        torch.testing.assert_close(encoder.components.basis, expected.basis)
        assert "components.basis" in encoder.state_dict(), "kept with the weights"
