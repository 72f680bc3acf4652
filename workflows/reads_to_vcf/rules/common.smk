# Config and sheet, checked against their schemas before anything runs; the pieces of the reference; what is to be made.
import json
from pathlib import Path

import pandas as pd
from snakemake.utils import validate

validate(config, "../config.schema.yaml")

SHEET = pd.read_csv(config["samples"], sep="\t", dtype=str, keep_default_na=False, na_values=[""])
SHEET = SHEET.astype(object).where(SHEET.notna(), None)
for column in ("fastq_1", "fastq_2", "bam"):
    if column not in SHEET:
        SHEET[column] = None
for row in SHEET.to_dict("records"):
    validate(row, "../samples.schema.yaml")
if SHEET.duplicated(["sample", "unit"]).any():
    twice = SHEET.loc[SHEET.duplicated(["sample", "unit"]), ["sample", "unit"]].iloc[0]
    raise ValueError(f"{config['samples']}: sample {twice['sample']}, unit {twice['unit']} stands there twice.")

UNITS = {(row["sample"], row["unit"]): row for row in SHEET.to_dict("records")}
SAMPLES = list(dict.fromkeys(SHEET["sample"]))
KIND = dict(zip(SHEET["sample"], SHEET["kind"]))
PATIENT = dict(zip(SHEET["sample"], SHEET["patient"]))
TUMOURS = [sample for sample in SAMPLES if KIND[sample] == "tumour"]
GERMLINE = [sample for sample in SAMPLES if KIND[sample] != "tumour"] if config["germline"] else []
NORMAL = {
    tumour: next((one for one in SAMPLES if KIND[one] == "normal" and PATIENT[one] == PATIENT[tumour]), None)
    for tumour in TUMOURS
}
REFERENCE = config["reference"]
CALLER = config["caller"]
TOOL = config["annotation"]["tool"]
RECALIBRATE = CALLER == "gatk" and bool(config["known_sites"])


def pieces():
    """Piece → lines of its BED: windows of at most interval_size bases, small contigs together."""
    if config["regions"]:
        rows = [line.split("\t")[:3] for line in Path(config["regions"]).read_text().splitlines()]
        rows = [row for row in rows if len(row) == 3 and row[1].strip().isdigit()]
    else:
        fai = [line.split("\t") for line in Path(f"{REFERENCE}.fai").read_text().splitlines()]
        size = config["interval_size"]
        rows = [
            [name, str(start), str(min(start + size, int(length)))]
            for name, length, *_ in fai
            for start in range(0, int(length), size)
        ]
    made, bases = [[]], 0
    for row in rows:
        length = int(row[2]) - int(row[1])
        if made[-1] and bases + length > config["interval_size"]:
            made.append([])
            bases = 0
        made[-1].append("\t".join(row))
        bases += length
    return {f"{number:05d}": lines for number, lines in enumerate(made)}


PIECES = pieces()
PIECE_FILES = {}
for piece, lines in PIECES.items():
    PIECE_FILES[piece] = Path("work/pieces") / f"{piece}.bed"
    content = "\n".join(lines) + "\n"
    if not PIECE_FILES[piece].is_file() or PIECE_FILES[piece].read_text() != content:
        PIECE_FILES[piece].parent.mkdir(parents=True, exist_ok=True)
        PIECE_FILES[piece].write_text(content)


def made_by(name, **settings):
    """A file of a stage's settings, which is written when they change: an input of the rule whose result stays.

    Snakemake's own record of settings goes with a job that fails. Where that job's result is temporary, what other
    settings had made further down would count as up to date, and the same command would end well with it.
    """
    path = Path("work/made_by") / f"{name}.json"
    content = json.dumps(settings, indent=1, sort_keys=True)
    if not path.is_file() or path.read_text() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return str(path)


def units_of(sample):
    return [unit for name, unit in UNITS if name == sample]


def is_bam(sample, unit):
    return UNITS[sample, unit]["bam"] is not None


def mates(sample, unit):
    """The FASTQ files of a unit, one or two."""
    row = UNITS[sample, unit]
    return [row[key] for key in ("fastq_1", "fastq_2") if row[key] is not None]


def ready(sample):
    """The alignment that callers read."""
    return f"work/recalibrated/{sample}.bam" if RECALIBRATE else f"bams/{sample}.bam"


def pair(tumour):
    return [tumour] + ([NORMAL[tumour]] if NORMAL[tumour] else [])


def set_samples(wildcards):
    """Samples that are called together: all germline ones, or a tumour with its normal."""
    return GERMLINE if wildcards.set == "germline" else pair(wildcards.set.removeprefix("somatic/"))


def set_bams(wildcards):
    return [ready(sample) for sample in set_samples(wildcards)]


def set_indices(wildcards):
    return [f"{path}.bai" for path in set_bams(wildcards)]


def set_checks(wildcards):
    return [f"work/aligned/{sample}.txt" for sample in set_samples(wildcards)]


def results():
    made = [f"{name}.vcf.gz{end}" for name in SETS for end in ("", ".tbi")]
    return made + (["quality/multiqc.html"] if config["multiqc"] else [])


SETS = (["germline"] if GERMLINE else []) + [f"somatic/{tumour}" for tumour in TUMOURS]

ALIGNED_BY = {
    sample: made_by(
        f"align/{sample}", reference=REFERENCE, aligner=config["aligner"], trim=config["trim"],
        units={unit: [is_bam(sample, unit), *mates(sample, unit), UNITS[sample, unit]["bam"]] for unit in units_of(sample)},
    )
    for sample in SAMPLES
}
CALLED_BY = {
    name: made_by(
        f"call/{name}", reference=REFERENCE, caller=CALLER, pieces=PIECES, gatk=config["gatk"], known=config["known_sites"],
        somatic=config["somatic"], samples=GERMLINE if name == "germline" else pair(name.removeprefix("somatic/")),
    )
    for name in SETS
}
ANNOTATED_BY = made_by("annotate", reference=REFERENCE, annotation=config["annotation"])

wildcard_constraints:
    sample="[A-Za-z0-9][A-Za-z0-9_-]*",
    unit="[A-Za-z0-9][A-Za-z0-9_-]*",
    piece="[0-9]{5}",
    tumour="[A-Za-z0-9][A-Za-z0-9_-]*",
    set="germline|somatic/[A-Za-z0-9][A-Za-z0-9_-]*",
