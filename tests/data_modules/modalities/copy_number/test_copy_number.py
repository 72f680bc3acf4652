"""Copy-number segments: scores and copies at genes by hand, and against ploidy and instability as published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_modules.cohort.source import CohortSource
from data_modules.genes.places import read_gene_places
from data_modules.learned.selection import Selector
from data_modules.modalities.copy_number.copy_number import CopyNumber
from data_modules.modalities.copy_number.segments import at_genes, instability, read_segments
from fusion.contract import FusionError
from fusion.run.state import load_state, save_state

REAL = Path(__file__).parents[5] / "shared" / "data" / "transneo"
ASCAT = {
    "sample": "sample",
    "chromosome": "chr",
    "start": "startpos",
    "end": "endpos",
    "major": "nMajor",
    "minor": "nMinor",
}
SEG = {"sample": "ID", "chromosome": "Chromosome", "start": "Start", "end": "End", "log2": "Segment_Mean"}
HEADER = "sample\tchr\tstartpos\tendpos\tnMajor\tnMinor\n"
# P1: 100 bases of 1+1, 50 of 2+0, 50 of 3+1. X does not count.
ROWS = "P1\tchr1\t1\t100\t1\t1\nP1\tchr1\t101\t150\t2\t0\nP1\t2\t1\t50\t3\t1\nP1\tX\t1\t1000\t1\t0\n"
SEG_ROWS = "ID\tChromosome\tStart\tEnd\tNum_Probes\tSegment_Mean\nP1\t1\t1\t100\t9\t0.1\nP1\t1\t101\t150\t9\t-0.5\n"
BED = "chr1\t89\t110\tALPHA\nchr1\t0\t10\tBETA\nchr2\t60\t70\tGAMMA\nchrX\t5\t8\tDELTA\nchrUn_1\t5\t8\tELSEWHERE\n"


def written(folder: Path, text: str, name: str = "segments.tsv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_scores_by_hand(tmp_path: Path) -> None:
    scores = instability(read_segments(written(tmp_path, HEADER + ROWS), ASCAT, key="k"))
    # Ploidy (100·2 + 50·2 + 50·4) / 200 = 2.5, which rounds to 3: all of it differs.
    assert scores.loc["P1"].to_dict() == {
        "cna:fraction_altered": 1.0,
        "cna:loh_fraction": 0.25,
        "cna:segments": 3.0,
        "cna:ploidy": 2.5,
    }
    diploid = ROWS.replace("\t3\t1\n", "\t2\t1\n")  # ploidy 2.25
    (one,) = instability(read_segments(written(tmp_path, HEADER + diploid), ASCAT, key="k")).to_dict("records")
    assert (one["cna:ploidy"], one["cna:fraction_altered"]) == (2.25, 0.25)


def test_scores_of_log2_ratios(tmp_path: Path) -> None:
    scores = instability(read_segments(written(tmp_path, SEG_ROWS), SEG, key="k"))
    assert scores.loc["P1"].to_dict() == {"cna:fraction_altered": pytest.approx(1 / 3), "cna:segments": 2.0}


def test_copies_at_genes_by_hand(tmp_path: Path) -> None:
    segments = read_segments(written(tmp_path, HEADER + ROWS), ASCAT, key="k")
    genes = read_gene_places(written(tmp_path, BED, "genes.bed"), key="k")
    assert genes == [("1", 90, 110, "ALPHA"), ("1", 1, 10, "BETA"), ("2", 61, 70, "GAMMA"), ("X", 6, 8, "DELTA")]
    found = at_genes(segments, genes).loc["P1"].to_dict()
    # ALPHA and BETA have 2 copies, DELTA 1, less a ploidy of 2.5; no segment covers GAMMA.
    assert found == {
        "cn:ALPHA": -0.5,
        "cn:BETA": -0.5,
        "cn:GAMMA": pytest.approx(np.nan, nan_ok=True),
        "cn:DELTA": -1.5,
    }
    ratios = at_genes(read_segments(written(tmp_path, SEG_ROWS), SEG, key="k"), genes)
    assert ratios.loc["P1", "cn:ALPHA"] == pytest.approx((11 * 0.1 + 10 * -0.5) / 21)  # bases 90 to 100, 101 to 110


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (HEADER + ROWS, {**ASCAT, "major": "total"}, "has no column total"),
        (HEADER + ROWS, SEG | {"major": "nMajor", "minor": "nMinor"}, "and major and minor, or log2"),
        (HEADER + "P1\t1\tone\t9\t1\t1\n", ASCAT, "line 2: 'one' in column 'startpos' is no number"),
        (HEADER + "P1\t1\t9\t1\t1\t1\n", ASCAT, "sample P1, 1:9-1: the segment ends before it starts"),
        (HEADER + "P1\t1\t1\t9\t1\t1\nP1\t1\t5\t12\t1\t1\n", ASCAT, "overlaps the one before it"),
        ("", ASCAT, "segments.tsv is empty"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, columns: dict[str, str], message: str) -> None:
    with pytest.raises(FusionError, match=message):
        read_segments(written(tmp_path, text), columns, key="modality.cna")


# The modality.


def modality_of(folder: Path, text: str, **settings: Any) -> CopyNumber:
    written(folder, text)
    pd.DataFrame({"id": ["P0", "P1"], "outcome": ["yes", "no"]}).to_csv(folder / "clinical.tsv", sep="\t", index=False)
    source = CohortSource(
        name="invented",
        root=folder,
        cache=folder / "cache",
        tables={"clinical": {"file": "clinical.tsv", "id": "id", "columns": {"outcome": {"time": "outcome"}}}},
        endpoints={"response": {"table": "clinical", "column": "outcome", "positive": ["yes"], "negative": ["no"]}},
        build="GRCh38",
        absent_is="reference",
    )
    given: dict[str, Any] = {
        "file": "segments.tsv",
        "columns": ASCAT,
        "selector": Selector(features=1, min_variance=0.1),
    }
    return CopyNumber(name="cna", source=source, **(given | settings))


def simulated(patients: int = 24, noise_after: int | None = None) -> str:
    """Half of the patients gain ALPHA; GAMMA's segment is drawn by chance."""
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    lines = [HEADER]
    for at in range(patients):
        draw = other if noise_after is not None and at >= noise_after else rng
        gain = 1 + 3 * (at % 2) if draw is rng else int(draw.integers(0, 9))
        lines.append(f"P{at}-T\t1\t1\t200\t{gain}\t1\n")
        lines.append(f"P{at}-T\t2\t1\t5000\t{draw.integers(1, 3)}\t{draw.integers(0, 2)}\n")
    return "".join(lines)


def test_copies_at_a_symbol_of_several_places_are_those_of_its_first(tmp_path: Path) -> None:
    line = 'chr{}\tx\tgene\t{}\t{}\t.\t+\t.\tgene_id "{}"; gene_name "Y_RNA";\n'
    genes = written(tmp_path, line.format(1, 120, 130, "E1") + line.format(2, 5, 9, "E2"), "genes.gtf")
    modality = modality_of(tmp_path, HEADER + ROWS, genes=str(genes), patient_pattern="(P1)")
    assert modality.frame.loc["P1", "cn:Y_RNA"] == -0.5  # 2 copies less a ploidy of 2.5


def test_selects_on_training_patients_alone_and_survives_the_disk(tmp_path: Path) -> None:
    train, labels = [f"P{at}" for at in range(16)], np.arange(16) % 2
    states, tables = [], []
    for name, noise in (("a", None), ("b", 16)):
        written(tmp_path / name, BED, "genes.bed")
        modality = modality_of(
            tmp_path / name, simulated(noise_after=noise), genes="genes.bed", patient_pattern="^(.*)-T$"
        )
        assert modality.check() == []
        assert modality.patients == {f"P{at}" for at in range(24)}
        fitted = modality.fit(train, labels)
        states.append(fitted.state())
        tables.append(fitted.table([f"P{at}" for at in range(24)]))
    assert dict(states[0].config) == dict(states[1].config)
    assert all(np.array_equal(states[0].arrays[key], states[1].arrays[key]) for key in states[0].arrays)
    names = [feature["name"] for feature in states[0].config["features"]]
    assert names[:4] == ["cna:fraction_altered", "cna:loh_fraction", "cna:segments", "cna:ploidy"]
    assert names[4:] in (["cn:ALPHA"], ["cn:BETA"])  # they share a segment
    save_state(tmp_path / "run", "cna", states[1])
    pd.testing.assert_frame_equal(
        modality.restore(load_state(tmp_path / "run", "cna")).table(list(tables[1].index)), tables[1]
    )
    with pytest.raises(FusionError, match=r"this cohort's segments do not give\. Set modality\.cna\.genes"):
        modality_of(tmp_path / "b", simulated(), patient_pattern="^(.*)-T$").restore(states[0])


def test_scores_are_scaled_by_training_patients_alone(tmp_path: Path) -> None:
    """Ploidy of P0 to P3 is 1, 2, 3, 4; the fifth patient's is 100 and has no part in mean and deviation."""
    ploidies = (1, 2, 3, 4, 100)
    text = HEADER + "".join(f"P{at}\t1\t1\t100\t{copies}\t0\n" for at, copies in enumerate(ploidies))
    fitted = modality_of(tmp_path, text).fit(["P0", "P1", "P2", "P3"], np.array([0, 1, 0, 1]))
    (ploidy,) = [feature for feature in fitted.spec.features if feature.name == "cna:ploidy"]
    assert (ploidy.center, ploidy.scale) == (2.5, pytest.approx(np.sqrt(5 / 4)))


def test_bad_settings_are_said_before_any_work(tmp_path: Path) -> None:
    assert "there is no file" in modality_of(tmp_path, HEADER + ROWS, file="gone.tsv").check()[0]
    assert "modality.cna.genes: there is no file" in modality_of(tmp_path, HEADER + ROWS, genes="gone.bed").check()[0]
    twice = HEADER + ROWS + ROWS.replace("P1\t", "P1b\t")
    assert "patients with two samples (P1)" in modality_of(tmp_path, twice, patient_pattern="^(P1)").check()[0]
    none = modality_of(tmp_path, HEADER + ROWS, patient_pattern="^(TCGA.*)$")
    assert "yields a patient id" in none.check()[0]
    assert none.patients == frozenset()
    with pytest.raises(FusionError, match="none of 1 training patients has copy-number segments"):
        modality_of(tmp_path, HEADER + ROWS).fit(["P7"], np.array([1]))


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no TransNEO data in {REAL}")
def test_scores_agree_with_the_published_ones() -> None:
    """ASCAT's own ploidy; the published chromosomal instability is defined otherwise and agrees in part (0.68)."""
    columns = {**ASCAT, "sample": "Trial.ID"}
    scores = instability(read_segments(REAL / "ascat_segments.tsv.gz", columns, key="k"))
    ploidy = pd.read_csv(REAL / "ascat_purity.tsv.gz", sep="\t", index_col=0)["ploidy"].reindex(scores.index)
    assert (scores["cna:ploidy"] - ploidy).abs().median() < 0.1
    cin = pd.read_csv(REAL / "ascat_cin.tsv.gz", sep="\t", index_col=0)["cin"].reindex(scores.index)
    assert scores["cna:fraction_altered"].corr(cin, method="spearman") > 0.6


@pytest.mark.parametrize("name", ["shared base", "byte order mark and returns", "text named .gz", "hash in samples"])
def test_sound_segments(tmp_path: Path, name: str) -> None:
    """Unusual files whose scores are those of `SEG_ROWS`; a refusal of any is a failure."""
    text, sample, file = SEG_ROWS, "P1", "segments.seg"
    if name == "shared base":
        text = text.replace("\t101\t150\t", "\t100\t150\t")  # half-open: the base is the later segment's
    elif name == "byte order mark and returns":
        text = "\ufeff" + text.replace("\n", "\r\n")
    elif name == "text named .gz":
        file = "segments.seg.gz"
    else:
        text, sample = text.replace("P1", "P#1"), "P#1"
    path = tmp_path / file
    path.write_bytes(text.encode())
    scores = instability(read_segments(path, SEG, key="k"))
    assert scores.loc[sample].to_dict() == {"cna:fraction_altered": pytest.approx(50 / 150), "cna:segments": 2.0}


SEXED = "sample\tchr\tstartpos\tendpos\tnMajor\tnMinor\n" + "".join(
    f"{patient}\t1\t1\t1000\t1\t1\n{patient}\tX\t1\t1000\t{x}\n{y}"
    for patient, x, y in (("M1", "1\t0", "M1\tY\t1\t1000\t1\t0\n"), ("F1", "1\t1", ""), ("F2", "1\t0", ""))
)
GENES = "chr1\t89\t110\tALPHA\nchrX\t5\t8\tDELTA\nchrY\t5\t8\tSIGMA\n"


def sexed(folder: Path, text: str = SEXED, words: str = "male female female", **settings: Any) -> CopyNumber:
    rows = zip(("M1", "F1", "F2"), words.split(), strict=True)
    written(folder, "id\tsex\tout\n" + "".join(f"{one}\t{word}\ta\n" for one, word in rows), "c.tsv")
    columns = {"sex": {"time": "baseline"}, "out": {"time": "outcome"}}
    source = CohortSource(
        name="c", root=folder, cache=folder / "cache", build="GRCh38",
        tables={"c": {"file": "c.tsv", "id": "id", "columns": columns}},
        endpoints={"e": {"table": "c", "column": "out", "positive": ["a"], "negative": ["b"]}},
    )  # fmt: skip
    written(folder, text)
    written(folder, GENES, "genes.bed")
    settings = {"columns": ASCAT, "genes": "genes.bed", **settings}
    return CopyNumber(name="cn", source=source, selector=Selector(), file="segments.tsv", **settings)


SEX = {"table": "c", "column": "sex"}


def test_one_copy_of_x_is_normal_in_a_man_and_a_loss_in_a_woman(tmp_path: Path) -> None:
    made = sexed(tmp_path, sex=SEX)
    assert made.check() == []
    assert made.frame.loc["M1", ["cn:ALPHA", "cn:DELTA", "cn:SIGMA"]].tolist() == [0.0, 0.0, 0.0]
    assert made.frame["cn:DELTA"].reindex(["F1", "F2"]).tolist() == [0.0, -1.0]
    assert made.frame["cn:SIGMA"].reindex(["F1", "F2"]).isna().all()


def test_genes_on_x_and_y_are_left_out_where_nobody_says_who_is_a_man(tmp_path: Path) -> None:
    made = sexed(tmp_path)
    assert made.check() == [] and "cn:ALPHA" in made.frame and "cn:DELTA" not in made.frame
    (said,) = made.quality()[0].said
    assert "2 of 3 genes are on X or Y (DELTA, SIGMA) and left out" in said and "Set modality.cn.sex" in said
    assert sexed(tmp_path, sex=SEX).quality()[0].said == ()


def test_words_of_a_sex_that_is_not_known(tmp_path: Path) -> None:
    (said,) = sexed(tmp_path, words="1 2 2", sex=SEX).check()
    assert "'sex' has '1', '2'. Add each to modality.cn.sex.male or female" in said
    mended = sexed(tmp_path, words="1 2 2", sex=SEX | {"male": ["1"], "female": ["2"]})
    assert mended.check() == [] and mended.frame.loc["M1", "cn:DELTA"] == 0.0
    (said,) = sexed(tmp_path, sex={"table": "c", "column": "gender"}).check()
    assert "names column 'gender' of table 'c', which cohort.tables does not declare" in said


def test_log2_ratios_on_x_of_women_alone(tmp_path: Path) -> None:
    """A man's ratio is -1 or 0, by whom the caller compared him with."""
    rows = "".join(f"{one}\t1\t1\t900\t9\t0.1\n{one}\tX\t1\t900\t9\t-0.9\n" for one in ("M1", "F1"))
    made = sexed(tmp_path, SEG_ROWS.partition("\n")[0] + "\n" + rows, columns={**dict.fromkeys(ASCAT), **SEG}, sex=SEX)
    assert made.frame["cn:DELTA"].reindex(["F1", "M1"]).fillna(9).tolist() == [-0.9, 9.0]


def test_segments_of_another_genome_and_on_no_chromosome(tmp_path: Path) -> None:
    """Chromosome 21 has 46,709,983 bases in GRCh38; a last bin may end a little beyond."""
    head, rows = HEADER, "P1\t21.0\t1\t46800000\t1\t1\n"
    made = read_segments(written(tmp_path, head + rows), ASCAT, key="k", build="GRCh38")
    assert made["contig"].tolist() == ["21"] and made.attrs["notes"] == []
    with pytest.raises(FusionError, match=r"ends at 21:48100000, beyond the chromosome's 46709983 bases in GRCh38"):
        read_segments(written(tmp_path, head + rows.replace("46800000", "48100000")), ASCAT, key="k", build="GRCh38")
    with pytest.raises(FusionError, match=r"2 of 3 segments of segments.tsv are on no chromosome .* \(c1\)"):
        read_segments(written(tmp_path, head + rows + "P1\tc1\t1\t9\t1\t1\n" * 2), ASCAT, key="k")
    made = read_segments(written(tmp_path, head + rows + "P1\tc1\t1\t9\t1\t1\n"), ASCAT, key="k")
    assert made.attrs["notes"] == ["1 segments on other contigs are left out (c1)."]


def test_minor_copies_alone_may_be_unknown(tmp_path: Path) -> None:
    """As callers write for X. Such a segment counts in no score; anything else that is unknown is named by its line."""
    told = ROWS + "P1\t2\t51\t90\t2\tNA\n"
    segments = read_segments(written(tmp_path, HEADER + told), ASCAT, key="k")
    unknown = segments[segments["minor"].isna()]
    assert unknown[["contig", "start", "end", "major"]].to_numpy().tolist() == [["2", 51, 90, 2]]
    known = instability(read_segments(written(tmp_path, HEADER + ROWS), ASCAT, key="k"))
    pd.testing.assert_frame_equal(instability(segments), known)
    for cells in ("P1\t2\t51\t90\tNA\t1", "P1\t2\tNA\t90\t2\t1", "P1\t2\t51\t?\t2\t1"):
        with pytest.raises(FusionError, match=r"segments.tsv, sample P1, line 6: .* is no number \(1 such lines\)"):
            read_segments(written(tmp_path, f"{HEADER}{ROWS}{cells}\n"), ASCAT, key="k")
