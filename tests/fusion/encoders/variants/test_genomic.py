"""Encoders of genes and variants: by hand, against torch-geometric's own layers, and what may not change a token."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fusion.contract import FeatureSpec, FusionError, ModalityBatch, ModalitySpec
from fusion.encoders.base import Encoder
from fusion.encoders.tables.snn import SelfNormalisingEncoder
from fusion.encoders.variants.features import VariantEncoder
from fusion.encoders.variants.gene_graph import GeneGraphEncoder
from fusion.encoders.variants.pathway import PathwayEncoder
from fusion.encoders.variants.variant_transformer import VariantTransformer
from fusion.layers import ModelError


def burden(gene: str) -> FeatureSpec:
    return FeatureSpec(name=f"burden:{gene}", kind="burden", label=gene, gene=gene)


# A path A - B - C - D, a gene outside the network, a second feature of A, and a count without a gene.
SPEC = ModalitySpec(
    name="variants",
    kind="variants",
    features=(
        *map(burden, "ABCD"),
        burden("OUTSIDE"),
        FeatureSpec(
            name="17:1:C>T", kind="dosage", label="A p.R175H", gene="A", consequence="nonsynonymous", residue=175
        ),
        FeatureSpec(name="count:mutations", kind="count", label="Mutations"),
    ),
)
WIDTH = 8
CONVS = ("gcn", "sage", "gatv2")


@pytest.fixture
def network(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "edges.txt").write_text("A\tB\t2.5\nB\tC\nC B\nD\tC\nX\tA\n")
    return {"file": str(tmp_path / "edges.txt"), "source": "invented", "licence": "CC0"}


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sets.gmt").write_text("FIRST\tx\tA\tB\nSECOND\tx\tB\tC\tX\nELSEWHERE\tx\tX\tY\n")
    return {"file": str(tmp_path / "sets.gmt"), "source": "invented", "licence": "CC0"}


@pytest.fixture(params=["snn", "variant_transformer", *CONVS, "pathway"])
def encoder(request: pytest.FixtureRequest, network: dict[str, str], sets: dict[str, str]) -> Encoder:
    torch.manual_seed(0)
    made: dict[str, Callable[[], Encoder]] = {
        "snn": lambda: SelfNormalisingEncoder(SPEC, width=WIDTH, hidden=[16]),
        "variant_transformer": lambda: VariantTransformer(SPEC, width=WIDTH, heads=2),
        "pathway": lambda: PathwayEncoder(SPEC, width=WIDTH, gene_sets=sets),
    }
    if request.param in CONVS:
        return GeneGraphEncoder(SPEC, width=WIDTH, network=network, conv=request.param, heads=2).eval()
    return made[request.param]().eval()


def batch_of(values: Tensor, mask: Tensor | None = None) -> ModalityBatch:
    return ModalityBatch(values=values, mask=torch.ones_like(values, dtype=torch.bool) if mask is None else mask)


# Properties of all of them.


def test_tokens_have_names_and_shapes(encoder: Encoder) -> None:
    tokens = encoder(batch_of(torch.randn(3, 7)))
    assert tokens.values.shape == (3, len(encoder.token_names), WIDTH)
    assert tokens.mask.shape == tokens.values.shape[:2] and tokens.mask.all()
    assert len(set(encoder.token_names)) == len(encoder.token_names)


def test_absent_patients_are_masked_and_zero(encoder: Encoder) -> None:
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1] = False
    tokens = encoder(batch_of(torch.randn(2, 7), mask))
    assert not tokens.mask[1].any()
    assert tokens.summary[1].abs().sum() == 0
    assert tokens.values[1].abs().sum() == 0
    assert torch.isfinite(tokens.values).all()


def test_masked_values_are_never_read_and_patients_do_not_meet(encoder: Encoder) -> None:
    torch.manual_seed(1)
    mask = torch.rand(4, 7) < 0.7
    mask[:, 0] = True
    values = torch.randn(4, 7)
    one = encoder(batch_of(values, mask))
    other = encoder(batch_of(torch.where(mask, values, 99.0), mask))
    torch.testing.assert_close(one.values, other.values)
    torch.testing.assert_close(one.summary, other.summary)
    alone = encoder(batch_of(values[2:3], mask[2:3]))
    torch.testing.assert_close(alone.values[0], one.values[2])
    torch.testing.assert_close(alone.summary[0], one.summary[2])


def test_every_parameter_and_number_has_a_gradient(encoder: Encoder) -> None:
    torch.manual_seed(2)
    values = torch.randn(6, 7, requires_grad=True)
    tokens = encoder(batch_of(values))
    # Squares: after a layer norm the plain sum of a token is a constant.
    (tokens.values.square().sum() + tokens.summary.square().sum()).backward()
    assert values.grad is not None and (values.grad.abs().sum(dim=0) > 0).all()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


# SNN.


def test_selu_network_by_hand() -> None:
    spec = ModalitySpec(name="v", kind="variants", features=SPEC.features[:2])
    encoder = SelfNormalisingEncoder(spec, width=1, hidden=[2], clip=2.0).eval()
    with torch.no_grad():
        encoder.layers[0].weight.copy_(torch.eye(2))
        encoder.layers[1].weight.copy_(torch.tensor([[1.0, 1.0]]))
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    hidden = scale * 1.0 + scale * alpha * (math.exp(-2) - 1)  # of 1 and of −5, cut at −2
    expected = scale * alpha * (math.exp(hidden) - 1) if hidden < 0 else scale * hidden
    assert encoder(batch_of(torch.tensor([[1.0, -5.0]]))).summary.item() == pytest.approx(expected, rel=1e-5)


def test_gene_tokens_begin_small() -> None:
    """Uniform within ±1/√width, as a linear layer's weights: all of them, up to its ends."""
    features = tuple(burden(f"G{number}") for number in range(40))
    torch.manual_seed(0)
    encoder = VariantEncoder(ModalitySpec(name="variants", kind="variants", features=features), width=64)
    for weights in (encoder.W.detach(), encoder.E.detach()):
        assert 0.12 < float(weights.abs().max()) <= 0.125
        assert abs(float(weights.std()) - 0.125 / 3**0.5) < 0.003


def test_activations_normalise_themselves() -> None:
    """Through eight layers of noise, with and without alpha dropout, mean and variance stay near 0 and 1."""
    torch.manual_seed(0)
    features = tuple(burden(f"G{at}") for at in range(256))
    spec = ModalitySpec(name="v", kind="variants", features=features)
    encoder = SelfNormalisingEncoder(spec, width=256, hidden=[256] * 7, clip=None, dropout=0.1)
    for mode in (True, False):
        summary = encoder.train(mode)(batch_of(torch.randn(512, 256))).summary.detach()
        assert abs(float(summary.mean())) < 0.1
        assert 0.8 < float(summary.var()) < 1.25


# Transformer.


def test_what_a_token_is_made_of() -> None:
    encoder = VariantTransformer(SPEC, width=WIDTH, heads=2, clip=2.0).eval()
    values = torch.tensor([[0.5, 0, 0, 0, 0, 7.0, 0]])
    embedded = encoder.embed(values)[0]
    torch.testing.assert_close(embedded[0], encoder.E[0] + encoder.C[0] + encoder.K[0] + 0.5 * encoder.V[0])
    angles = [175 / 10000 ** (2 * i / WIDTH) for i in range(WIDTH // 2)]
    place = torch.tensor([f(a) for a in angles for f in (math.sin, math.cos)])
    expected = encoder.E[0] + encoder.C[1] + encoder.K[1] + place @ encoder.P.weight.T + 2.0 * encoder.V[0]
    torch.testing.assert_close(embedded[5], expected)


def test_variants_of_one_gene_differ_by_consequence_and_share_it_with_other_genes() -> None:
    """Five variants of one kind at no residue: two genes, three consequences, of which one is unknown."""
    given = (("A", "nonsynonymous"), ("A", "truncating"), ("B", "nonsynonymous"), ("B", None), ("A", None))
    features = tuple(
        FeatureSpec(name=f"{at}", kind="dosage", label=f"{at}", gene=gene, consequence=consequence)
        for at, (gene, consequence) in enumerate(given)
    )
    encoder = VariantTransformer(
        ModalitySpec(name="variants", kind="variants", features=features), width=WIDTH, heads=2, clip=2.0
    ).eval()
    assert encoder.C.shape == (3, WIDTH)
    embedded = encoder.embed(torch.ones(1, 5))[0]
    place = embedded[0] - (encoder.E[0] + encoder.C[0] + encoder.K[0] + encoder.V[0])  # of no residue
    for token, gene, consequence in zip(embedded, (0, 0, 1, 1, 0), (0, 1, 0, 2, 2), strict=True):
        expected = encoder.E[gene] + encoder.C[consequence] + encoder.K[0] + encoder.V[gene] + place
        torch.testing.assert_close(token, expected)


def test_a_hidden_feature_is_as_if_it_were_not_there() -> None:
    """Hidden from the patient, or absent from the spec, with the same weights: the same tokens and summary."""
    torch.manual_seed(3)
    full = VariantTransformer(SPEC, width=WIDTH, heads=2).eval()
    fewer = ModalitySpec(name="variants", kind="variants", features=(*SPEC.features[:4], *SPEC.features[5:]))
    small = VariantTransformer(fewer, width=WIDTH, heads=2).eval()
    state = {k: v for k, v in full.state_dict().items() if k not in ("E", "V")}
    kept = [0, 1, 2, 3, 5]  # owners without OUTSIDE
    small.load_state_dict(state | {"E": full.E[kept], "V": full.V[kept]})
    values = torch.randn(2, 7)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[:, 4] = False
    columns = [0, 1, 2, 3, 5, 6]
    one, other = full(batch_of(values, mask)), small(batch_of(values[:, columns]))
    torch.testing.assert_close(one.values[:, columns], other.values)
    torch.testing.assert_close(one.summary, other.summary)


# Graph.


def test_edges_are_those_among_the_genes(network: dict[str, str]) -> None:
    encoder = GeneGraphEncoder(SPEC, width=WIDTH, network=network)
    assert encoder.token_names == ("A", "B", "C", "D", "OUTSIDE", "count:mutations")
    pairs = {tuple(pair) for pair in encoder.edges.T.tolist()}
    assert pairs == {(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)}


@pytest.mark.parametrize("conv", CONVS)
def test_layers_are_torch_geometrics(network: dict[str, str], conv: str) -> None:
    """One patient's graph through their layer, normalisation and all, gives the encoder's tokens."""
    torch.manual_seed(4)
    encoder = GeneGraphEncoder(SPEC, width=WIDTH, network=network, conv=conv, heads=2, clip=None).eval()  # type: ignore[arg-type]
    from torch_geometric.nn import GATv2Conv, GCNConv, SAGEConv  # its first import warns, which the encoder silences

    values = torch.randn(1, 7)
    theirs: nn.Module = {
        "gcn": GCNConv(WIDTH, WIDTH),
        "sage": SAGEConv(WIDTH, WIDTH),
        "gatv2": GATv2Conv(WIDTH, WIDTH // 2, heads=2),
    }[conv]
    theirs.load_state_dict(encoder.convs[0].state_dict())
    nodes = encoder.E[:5] + values[0, :5, None] * encoder.W[:5]
    nodes = torch.cat([nodes[:1] + values[0, 5] * encoder.W[5], nodes[1:]])
    expected = nodes + torch.relu(theirs(nodes, encoder.edges))
    tokens = encoder(batch_of(values))
    torch.testing.assert_close(tokens.values[0, :5], expected)
    beside = values[0, 6] * encoder.W[6]
    torch.testing.assert_close(tokens.values[0, 5], beside)
    torch.testing.assert_close(tokens.summary[0], expected.mean(dim=0) + beside)


@pytest.mark.parametrize("conv", CONVS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_mutation_or_a_gap_is_heard_by_neighbours_only(network: dict[str, str], conv: str, layers: int) -> None:
    torch.manual_seed(5)
    encoder = GeneGraphEncoder(SPEC, width=WIDTH, network=network, conv=conv, layers=layers, heads=2).eval()  # type: ignore[arg-type]
    values = torch.randn(1, 7)
    before = encoder(batch_of(values)).values[0]
    mutated = values.clone()
    mutated[0, 3] += 1.0  # D; A - B - C - D
    hidden = torch.ones(1, 7, dtype=torch.bool)
    hidden[0, 3] = False
    for after in (encoder(batch_of(mutated)).values[0], encoder(batch_of(values, hidden)).values[0]):
        changed = {name for name, a, b in zip(encoder.token_names, before, after, strict=True) if not torch.equal(a, b)}
        assert "D" in changed and changed <= {1: {"C", "D"}, 2: {"B", "C", "D"}}[layers]


# Pathways.


def test_pathway_tokens_by_hand(sets: dict[str, str]) -> None:
    encoder = PathwayEncoder(SPEC, width=1, gene_sets=sets).eval()
    assert encoder.token_names == ("FIRST", "SECOND", "burden:D", "burden:OUTSIDE", "count:mutations")
    with torch.no_grad():
        encoder.A.fill_(1.0)
        encoder.b.copy_(torch.tensor([0.0, 0.5]))
        encoder.E.copy_(torch.tensor([[10.0], [20.0]]))
        encoder.V.copy_(torch.tensor([[2.0], [3.0]]))
        encoder.U.copy_(torch.tensor([[1.0], [-1.0]]))
        encoder.W.fill_(1.0)
    # A has two features, both in FIRST; 5 is cut at 2.
    tokens = encoder(batch_of(torch.tensor([[0.1, 0.2, -0.3, 1.0, 5.0, 0.4, 0.25]])))
    first, second = math.tanh(0.1 + 0.2 + 0.4), math.tanh(0.2 - 0.3 + 0.5)
    expected = torch.tensor([[10 + 2 * first], [20 + 3 * second], [1.0], [2.0], [0.25]])
    torch.testing.assert_close(tokens.values[0], expected)
    assert tokens.summary.item() == pytest.approx(first - second + 1.0 + 2.0 + 0.25)


def test_a_set_hears_its_own_genes_only(sets: dict[str, str]) -> None:
    encoder = PathwayEncoder(SPEC, width=WIDTH, gene_sets=sets).eval()
    values = torch.zeros(1, 7)
    changed = values.clone()
    changed[0, 0] = 1.0  # A is in FIRST
    before, after = (encoder(batch_of(v)).values[0] for v in (values, changed))
    assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, False, False, False]


# Files.


def test_a_trained_model_does_not_need_its_files(network: dict[str, str], sets: dict[str, str]) -> None:
    torch.manual_seed(6)
    values = torch.randn(2, 7)
    for make, node in (
        (lambda node: GeneGraphEncoder(SPEC, width=WIDTH, network=node).eval(), network),
        (lambda node: PathwayEncoder(SPEC, width=WIDTH, gene_sets=node).eval(), sets),
    ):
        trained = make(node)
        gone = node | {"file": "gone.txt"}
        restored = make(gone)
        with pytest.raises(ModelError, match=r"\.file: there is no file gone\.txt"):
            restored.start([])
        restored.load_state_dict(trained.state_dict())
        restored.start([])
        assert restored.token_names == trained.token_names
        torch.testing.assert_close(restored(batch_of(values)).summary, trained(batch_of(values)).summary)


@pytest.mark.parametrize(
    ("content", "node", "message"),
    [
        ("A\tB\n", {"licence": None}, r"model\.encoders\.variants\.network: licence missing"),
        ("A\n", {}, r"line 1: 'A' is no pair of gene symbols"),
        ("X\tY\n", {}, "no edge of .* joins two of the 6 genes"),
    ],
)
def test_networks_that_cannot_be_read(tmp_path: Path, content: str, node: dict[str, str], message: str) -> None:
    (tmp_path / "edges.txt").write_text(content)
    given = {"file": str(tmp_path / "edges.txt"), "source": "invented", "licence": "CC0"} | node
    with pytest.raises(FusionError, match=message):
        GeneGraphEncoder(SPEC, width=WIDTH, network=given)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("S\tx\tX\n", "no set of .* has a gene of the modality"),
        ("S\tx\n", "line 1: no gene set"),
        ("S\tx\tA\nS\tx\tB\n", "line 2: no gene set, or 'S' a second time"),
    ],
)
def test_sets_that_cannot_be_read(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "sets.gmt").write_text(content)
    node = {"file": str(tmp_path / "sets.gmt"), "source": "invented", "licence": "CC0"}
    with pytest.raises(ModelError, match=message):
        PathwayEncoder(SPEC, width=WIDTH, gene_sets=node)


def test_widths_that_heads_do_not_divide_and_other_layers(network: dict[str, str]) -> None:
    with pytest.raises(ModelError, match=r"heads=3 does not divide model\.width=8"):
        GeneGraphEncoder(SPEC, width=8, network=network, conv="gatv2", heads=3)
    with pytest.raises(ModelError, match="choose gcn, sage or gatv2"):
        GeneGraphEncoder(SPEC, width=8, network=network, conv="gin")  # type: ignore[arg-type]
