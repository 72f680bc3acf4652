from __future__ import annotations

import torch

from fusion.contract import FeatureSpec, ModalityBatch, ModalitySpec
from fusion.encoders.tables.table import FeatureTokenizer, TableEncoder
from fusion.encoders.variants.features import VariantEncoder

VARIANTS = ModalitySpec(
    name="variants",
    kind="variants",
    features=(
        FeatureSpec(name="burden:TP53", kind="burden", label="TP53", gene="TP53"),
        FeatureSpec(name="count:mutations", kind="count", label="Mutations"),
        FeatureSpec(name="17:7675088:C>T", kind="dosage", label="TP53 p.R175H", gene="TP53"),
    ),
)
TABLE = ModalitySpec(
    name="clinical", kind="table", features=tuple(FeatureSpec(name=n, kind="column", label=n) for n in ("age", "ki67"))
)


def test_tokenizer_by_hand() -> None:
    tokenize = FeatureTokenizer(2, width=2)
    with torch.no_grad():
        tokenize.W.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tokenize.b.copy_(torch.tensor([[0.5, 0.0], [0.0, -1.0]]))
    assert tokenize(torch.tensor([[2.0, -1.0]])).tolist() == [[[2.5, 4.0], [-3.0, -5.0]]]


def test_variants_of_a_gene_share_a_token() -> None:
    encoder = VariantEncoder(VARIANTS, width=2).eval()
    assert encoder.token_names == ("TP53", "count:mutations")
    with torch.no_grad():
        encoder.W.copy_(torch.tensor([[1.0, 0.0], [0.0, 5.0], [0.0, 2.0]]))
        encoder.E.copy_(torch.tensor([[0.1, 0.2], [0.3, 0.4]]))
    batch = ModalityBatch(values=torch.tensor([[1.0, 2.0, 1.0]]), mask=torch.ones(1, 3, dtype=torch.bool))
    torch.testing.assert_close(encoder(batch).values, torch.tensor([[[1.1, 2.2], [0.3, 10.4]]]))


def test_a_gene_is_known_where_any_of_its_features_is() -> None:
    encoder = VariantEncoder(VARIANTS, width=4).eval()
    mask = torch.tensor([[False, False, True], [False, False, False], [True, True, True]])
    tokens = encoder(ModalityBatch(values=torch.ones(3, 3), mask=mask))
    assert tokens.mask.tolist() == [[True, False], [False, False], [True, True]]
    assert tokens.values[1].abs().sum() == 0
    assert tokens.summary[1].abs().sum() == 0


def test_masked_cells_are_never_read() -> None:
    torch.manual_seed(0)
    for encoder in (VariantEncoder(VARIANTS, width=4).eval(), TableEncoder(TABLE, width=4).eval()):
        features = len(encoder.spec.features)
        mask = torch.ones(2, features, dtype=torch.bool)
        mask[0, 0] = mask[1, :] = False
        values = torch.randn(2, features)
        other = torch.where(mask, values, 99.0)
        one, two = (encoder(ModalityBatch(values=v, mask=mask)) for v in (values, other))
        assert torch.equal(one.values, two.values)
        assert torch.equal(one.summary, two.summary)
        assert torch.equal(one.present, torch.tensor([True, False]))
        assert one.summary[1].abs().sum() == 0


def test_every_number_has_a_gradient() -> None:
    torch.manual_seed(0)
    for encoder in (VariantEncoder(VARIANTS, width=4).eval(), TableEncoder(TABLE, width=4).eval()):
        features = len(encoder.spec.features)
        values = torch.randn(1, features, requires_grad=True)
        tokens = encoder(ModalityBatch(values=values, mask=torch.ones(1, features, dtype=torch.bool)))
        (tokens.values.sum() + tokens.summary.sum()).backward()
        assert values.grad is not None
        assert (values.grad != 0).all()
