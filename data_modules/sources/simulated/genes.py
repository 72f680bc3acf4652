"""Genes of the simulated genomes: place in GRCh38, how often breast tumours carry them mutated, known sites.

Frequencies are about those of TCGA-BRCA (Cancer Genome Atlas Network, Nature 2012, and its update on cBioPortal).
Known sites are public hotspots or founder mutations in GRCh38 coordinates. Elsewhere a site's position is drawn within
its gene and its reference base is drawn too: no genome is read, so REF of those rows need not match one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Consequence = Literal[
    "nonsynonymous_SNV",
    "stopgain",
    "frameshift_deletion",
    "frameshift_insertion",
    "nonframeshift_deletion",
    "synonymous_SNV",
    "splicing",
    "intronic",
    "UTR3",
    "UTR5",
    "intergenic",
]
DAMAGING: tuple[Consequence, ...] = (
    "nonsynonymous_SNV",
    "stopgain",
    "frameshift_deletion",
    "frameshift_insertion",
    "splicing",
)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A known site: minimal representation on the forward strand, GRCh38."""

    position: int
    ref: str
    alt: str
    consequence: Consequence
    change: str


@dataclass(frozen=True, kw_only=True)
class Gene:
    """A gene.

    Attributes:
        frequency: share of patients with a damaging somatic variant.
        truncating: share of those that stop, shift or splice.
        repair: whether such a variant makes repair deficient in this simulation.
        sites: known sites and
        hotspot: the share of variants that fall on them.
        core: first and last position of the exons that drivers are drawn in.
    """

    symbol: str
    contig: str
    start: int
    end: int
    transcript: str
    frequency: float = 0.0
    truncating: float = 0.3
    repair: bool = False
    sites: tuple[Site, ...] = ()
    hotspot: float = 0.0
    core: tuple[int, int] | None = None


def _sites(*rows: tuple[int, str, str, Consequence, str]) -> tuple[Site, ...]:
    return tuple(Site(position=p, ref=r, alt=a, consequence=c, change=h) for p, r, a, c, h in rows)


_TP53 = _sites(
    (7675088, "C", "T", "nonsynonymous_SNV", "exon5:c.G524A:p.R175H"),
    (7674220, "C", "T", "nonsynonymous_SNV", "exon7:c.G743A:p.R248Q"),
    (7674221, "G", "A", "nonsynonymous_SNV", "exon7:c.C742T:p.R248W"),
    (7673802, "C", "T", "nonsynonymous_SNV", "exon8:c.G818A:p.R273H"),
    (7673803, "G", "A", "nonsynonymous_SNV", "exon8:c.C817T:p.R273C"),
    (7674872, "T", "C", "nonsynonymous_SNV", "exon6:c.A659G:p.Y220C"),
    (7673776, "G", "A", "nonsynonymous_SNV", "exon8:c.C844T:p.R282W"),
    (7674230, "C", "T", "nonsynonymous_SNV", "exon7:c.G733A:p.G245S"),
    (7674953, "T", "C", "nonsynonymous_SNV", "exon6:c.A578G:p.H193R"),
    (7675124, "T", "C", "nonsynonymous_SNV", "exon5:c.A488G:p.Y163C"),
    (7673764, "C", "T", "nonsynonymous_SNV", "exon8:c.G856A:p.E286K"),
    (7674894, "G", "A", "stopgain", "exon6:c.C637T:p.R213X"),
    (7674945, "G", "A", "stopgain", "exon6:c.C586T:p.R196X"),
    (7673704, "G", "A", "stopgain", "exon8:c.C916T:p.R306X"),
    (7670685, "G", "A", "stopgain", "exon10:c.C1024T:p.R342X"),
    (7675052, "C", "T", "splicing", "exon5:c.559+1G>A"),
)
_PIK3CA = _sites(
    (179234297, "A", "G", "nonsynonymous_SNV", "exon21:c.A3140G:p.H1047R"),
    (179234297, "A", "T", "nonsynonymous_SNV", "exon21:c.A3140T:p.H1047L"),
    (179218303, "G", "A", "nonsynonymous_SNV", "exon10:c.G1633A:p.E545K"),
    (179218294, "G", "A", "nonsynonymous_SNV", "exon10:c.G1624A:p.E542K"),
    (179203765, "T", "A", "nonsynonymous_SNV", "exon5:c.T1035A:p.N345K"),
    (179210192, "T", "C", "nonsynonymous_SNV", "exon8:c.T1258C:p.C420R"),
    (179221146, "G", "A", "nonsynonymous_SNV", "exon14:c.G2176A:p.E726K"),
)
_PTEN = _sites(
    (87933147, "C", "T", "stopgain", "exon5:c.C388T:p.R130X"),
    (87933148, "G", "A", "nonsynonymous_SNV", "exon5:c.G389A:p.R130Q"),
    (87957915, "C", "T", "stopgain", "exon7:c.C697T:p.R233X"),
)
_AKT1 = _sites((104780214, "C", "T", "nonsynonymous_SNV", "exon3:c.G49A:p.E17K"))
_ERBB2 = _sites(
    (39723967, "T", "C", "nonsynonymous_SNV", "exon19:c.T2264C:p.L755S"),
    (39724747, "G", "T", "nonsynonymous_SNV", "exon21:c.G2329T:p.V777L"),
)
_SF3B1 = _sites((197402110, "T", "C", "nonsynonymous_SNV", "exon15:c.A2098G:p.K700E"))


def _gene(
    symbol: str, contig: str, start: int, end: int, transcript: str, frequency: float, truncating: float, **more: object
) -> Gene:
    return Gene(
        symbol=symbol,
        contig=contig,
        start=start,
        end=end,
        transcript=transcript,
        frequency=frequency,
        truncating=truncating,
        **more,  # type: ignore[arg-type]
    )


DRIVERS: tuple[Gene, ...] = (
    _gene("PIK3CA", "chr3", 179148114, 179240093, "NM_006218", 0.34, 0.0, sites=_PIK3CA, hotspot=0.85),
    _gene(
        "TP53",
        "chr17",
        7668421,
        7687490,
        "NM_000546",
        0.33,
        0.35,
        repair=True,
        sites=_TP53,
        hotspot=0.5,
        core=(7673701, 7676272),
    ),
    _gene("CDH1", "chr16", 68737292, 68835537, "NM_004360", 0.12, 0.85),
    _gene("GATA3", "chr10", 8045378, 8075198, "NM_001002295", 0.12, 0.85, core=(8069471, 8074026)),
    _gene("KMT2C", "chr7", 152134922, 152436644, "NM_170606", 0.09, 0.45),
    _gene("MAP3K1", "chr5", 56815549, 56896152, "NM_005921", 0.08, 0.7),
    _gene("PTEN", "chr10", 87863625, 87971930, "NM_000314", 0.05, 0.6, sites=_PTEN, hotspot=0.4),
    _gene("NCOR1", "chr17", 16029157, 16218185, "NM_006311", 0.045, 0.5),
    _gene("RUNX1", "chr21", 34787801, 35049302, "NM_001754", 0.04, 0.5),
    _gene("NF1", "chr17", 31094927, 31382116, "NM_000267", 0.035, 0.6),
    _gene("MAP2K4", "chr17", 12020829, 12143830, "NM_003010", 0.035, 0.5),
    _gene("ARID1A", "chr1", 26693236, 26782104, "NM_006015", 0.035, 0.6),
    _gene("TBX3", "chr12", 114670255, 114684175, "NM_016569", 0.03, 0.6),
    _gene("CBFB", "chr16", 67028984, 67101058, "NM_022845", 0.025, 0.4),
    _gene("ERBB2", "chr17", 39688094, 39728658, "NM_004448", 0.03, 0.0, sites=_ERBB2, hotspot=0.6),
    _gene("ATM", "chr11", 108223067, 108369102, "NM_000051", 0.025, 0.4, repair=True),
    _gene("BRCA1", "chr17", 43044295, 43125364, "NM_007294", 0.025, 0.6, repair=True, core=(43091435, 43094860)),
    _gene("BRCA2", "chr13", 32315508, 32400268, "NM_000059", 0.028, 0.6, repair=True, core=(32336265, 32341196)),
    _gene("FOXA1", "chr14", 37589552, 37595249, "NM_004496", 0.025, 0.1),
    _gene("AKT1", "chr14", 104769349, 104795751, "NM_005163", 0.025, 0.0, sites=_AKT1, hotspot=0.9),
    _gene("CTCF", "chr16", 67562467, 67639177, "NM_006565", 0.02, 0.5),
    _gene("RB1", "chr13", 48303751, 48481890, "NM_000321", 0.02, 0.8),
    _gene("SF3B1", "chr2", 197388515, 197435079, "NM_012433", 0.018, 0.0, sites=_SF3B1, hotspot=0.7),
    _gene("PALB2", "chr16", 23603165, 23641310, "NM_024675", 0.010, 0.6, repair=True),
    _gene("CHEK2", "chr22", 28687743, 28742422, "NM_007194", 0.010, 0.5, repair=True),
    _gene("BARD1", "chr2", 214725646, 214809683, "NM_000465", 0.006, 0.5, repair=True),
    _gene("BRIP1", "chr17", 61679139, 61863559, "NM_032043", 0.006, 0.5, repair=True),
    _gene("RAD51C", "chr17", 58692573, 58735611, "NM_058216", 0.005, 0.5, repair=True),
)

PASSENGERS: tuple[Gene, ...] = tuple(
    Gene(symbol=symbol, contig=contig, start=start, end=end, transcript=transcript)
    for symbol, contig, start, end, transcript in (
        ("TTN", "chr2", 178525989, 178830802, "NM_001267550"),
        ("MUC16", "chr19", 8848844, 8981342, "NM_024690"),
        ("MUC4", "chr3", 195746765, 195811973, "NM_018406"),
        ("OBSCN", "chr1", 228208063, 228378874, "NM_001098623"),
        ("SYNE1", "chr6", 152121684, 152637399, "NM_182961"),
        ("RYR2", "chr1", 237042184, 237833988, "NM_001035"),
        ("RYR3", "chr15", 33310945, 33866121, "NM_001036"),
        ("USH2A", "chr1", 215622891, 216423448, "NM_206933"),
        ("HMCN1", "chr1", 185734391, 186190949, "NM_031935"),
        ("CSMD1", "chr8", 2935353, 4994972, "NM_033225"),
        ("CSMD3", "chr8", 112222928, 113436939, "NM_198123"),
        ("FLG", "chr1", 152302165, 152325239, "NM_002016"),
        ("DMD", "chrX", 31097677, 33339609, "NM_004006"),
        ("LRP1B", "chr2", 140231423, 142131701, "NM_018557"),
        ("ZFHX4", "chr8", 76681239, 76867281, "NM_024721"),
        ("FAT3", "chr11", 92352096, 92896477, "NM_001008781"),
        ("FAT1", "chr4", 186587783, 186726722, "NM_005245"),
        ("PCLO", "chr7", 82754012, 83162884, "NM_033026"),
        ("XIRP2", "chr2", 166888487, 167259753, "NM_152381"),
        ("DNAH11", "chr7", 21543039, 21901839, "NM_001277115"),
        ("DNAH5", "chr5", 13690328, 13944543, "NM_001369"),
        ("ABCA13", "chr7", 48171458, 48647496, "NM_152701"),
        ("AHNAK2", "chr14", 104937244, 104978374, "NM_138420"),
        ("APOB", "chr2", 21001429, 21044073, "NM_000384"),
        ("SPTA1", "chr1", 158610704, 158686715, "NM_003126"),
        ("PKHD1L1", "chr8", 109362461, 109531049, "NM_177531"),
        ("CACNA1E", "chr1", 181317690, 181808084, "NM_000721"),
        ("HUWE1", "chrX", 53532096, 53686729, "NM_031407"),
        ("DST", "chr6", 56457987, 56954649, "NM_001723"),
        ("NEB", "chr2", 151485336, 151734487, "NM_004543"),
        ("VPS13D", "chr1", 12230030, 12512047, "NM_015378"),
        ("ANK2", "chr4", 112818032, 113383740, "NM_001148"),
        ("COL6A3", "chr2", 237324003, 237414328, "NM_004369"),
        ("TRPS1", "chr8", 115408496, 115809673, "NM_014112"),
        ("ZNF208", "chr19", 21965872, 22010949, "NM_007153"),
        ("PTPRD", "chr9", 8314246, 10612723, "NM_002839"),
        ("RELN", "chr7", 103471784, 103989658, "NM_005045"),
        ("SACS", "chr13", 23328823, 23433728, "NM_014363"),
        ("UBR5", "chr8", 102252273, 102412759, "NM_015902"),
        ("MYH9", "chr22", 36281277, 36388018, "NM_002473"),
        ("LAMA3", "chr18", 23689453, 23956222, "NM_000227"),
        ("TAF1", "chrX", 71366239, 71532374, "NM_004606"),
        ("SLC12A5", "chr20", 46021690, 46060150, "NM_020708"),
        ("DSCAM", "chr21", 40010999, 40847158, "NM_001389"),
    )
)

GERMLINE_PATHOGENIC: tuple[tuple[str, str, Site, float], ...] = (
    ("BRCA1", "chr17", _sites((43124027, "ACT", "A", "frameshift_deletion", "exon2:c.68_69del:p.E23Vfs*17"))[0], 0.012),
    (
        "BRCA1",
        "chr17",
        _sites((43057062, "T", "TG", "frameshift_insertion", "exon19:c.5266dupC:p.Q1756Pfs*74"))[0],
        0.010,
    ),
    ("BRCA1", "chr17", _sites((43106487, "A", "C", "nonsynonymous_SNV", "exon4:c.T181G:p.C61G"))[0], 0.005),
    (
        "BRCA2",
        "chr13",
        _sites((32340300, "GT", "G", "frameshift_deletion", "exon11:c.5946delT:p.S1982Rfs*22"))[0],
        0.012,
    ),
    (
        "BRCA2",
        "chr13",
        _sites((32339421, "C", "CA", "frameshift_insertion", "exon11:c.5073dupA:p.W1692Mfs*3"))[0],
        0.006,
    ),
    ("BRCA2", "chr13", _sites((32338277, "G", "T", "stopgain", "exon11:c.G3922T:p.E1308X"))[0], 0.010),
)
"""Gene, contig, site, share of patients who carry it (one copy)."""

CONTIGS: dict[str, int] = dict(
    zip(
        [f"chr{name}" for name in (*range(1, 23), "X", "Y")],
        (
            248956422,
            242193529,
            198295559,
            190214555,
            181538259,
            170805979,
            159345973,
            145138636,
            138394717,
            133797422,
            135086622,
            133275309,
            114364328,
            107043718,
            101991189,
            90338345,
            83257441,
            80373285,
            58617616,
            64444167,
            46709983,
            50818468,
            156040895,
            57227415,
        ),
        strict=True,
    )
)
"""Lengths of GRCh38's primary contigs."""
