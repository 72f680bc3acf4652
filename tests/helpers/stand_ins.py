"""Small executables in the place of GATK, ANNOVAR and VEP: they check their arguments and write what is asked for.

They say nothing of the real tools' results, only that each is called with arguments that its manual knows, on files
that are there.
"""

from __future__ import annotations

import sys
from pathlib import Path

GATK = """
ALLOWED = {
    "BaseRecalibrator": {"-R", "-I", "--known-sites", "-O"},
    "ApplyBQSR": {"-R", "-I", "--bqsr-recal-file", "-O"},
    "HaplotypeCaller": {"-R", "-I", "-L", "-ERC", "-O"},
    "CombineGVCFs": {"-R", "-L", "-V", "-O"},
    "GenotypeGVCFs": {"-R", "-L", "-V", "-O"},
    "VariantFiltration": {"-R", "-V", "-O", "--filter-name", "--filter-expression"},
    "Mutect2": {"-R", "-I", "-normal", "--panel-of-normals", "--germline-resource", "-L", "--f1r2-tar-gz", "-O"},
    "GatherVcfs": {"-I", "-O"},
    "MergeMutectStats": {"-stats", "-O"},
    "LearnReadOrientationModel": {"-I", "-O"},
    "GetPileupSummaries": {"-I", "-V", "-L", "-O"},
    "CalculateContamination": {"-I", "-matched", "-O"},
    "FilterMutectCalls": {"-R", "-V", "-stats", "--ob-priors", "--contamination-table", "-O"},
}
if sys.argv[1:] == ["--version"]:
    print("The Genome Analysis Toolkit (GATK) v4.4.0.0")
    sys.exit(0)
tool, rest = sys.argv[1], sys.argv[2:]
options = list(zip(rest[::2], rest[1::2], strict=True))
strange = {name for name, _ in options} - ALLOWED[tool]
assert not strange, f"{tool}: A USER ERROR has occurred: {strange} is not a recognized option"
given = {}
for name, value in options:
    given.setdefault(name, []).append(value)
for name in ("-R", "-I", "-V", "--known-sites", "--bqsr-recal-file", "-stats", "--ob-priors", "--contamination-table",
             "--panel-of-normals", "--germline-resource", "-matched"):
    for value in given.get(name, []):
        assert Path(value).is_file(), f"{tool} {name}: {value} is not there"
out = Path(given["-O"][0])
with Path(sys.argv[0]).with_name("calls.txt").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
def vcf(path, samples, filters):
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr17,length=3000>", '##FILTER=<ID=weak_evidence,Description="w">',
             '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
             '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">']
    if tool.endswith("2") or "Mutect" in tool:
        lines.append("##tumor_sample=" + samples[-1])
    lines.append("\\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]))
    base, bases = Path(given["-R"][0]).read_text().split("\\n", 1)[1].replace("\\n", ""), "ACGT"
    for at, flt in filters:
        ref = base[at - 1]
        alts = ",".join(one for one in bases if one != ref) if at == 800 else bases[(bases.index(ref) + 1) % 4]
        calls = ["0/0:30" + ",0" * (1 + alts.count(","))] * (len(samples) - 1) + ["0/1:20,10" + ",0" * alts.count(",")]
        lines.append("\\t".join(["chr17", str(at), ".", ref, alts, "50", flt, ".", "GT:AD", *calls]))
    text = "\\n".join(lines) + "\\n"
    subprocess.run(["bcftools", "view", "-O", "z", "-o", str(path), "-"], input=text, text=True, check=True)
    subprocess.run(["bcftools", "index", "-f", "-t", str(path)], check=True)
def said_by(*line):
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout
def names(bams):
    said = [said_by("samtools", "samples", one) for one in bams]
    return [line.split("\\t")[0] for line in said]
if tool in ("HaplotypeCaller", "Mutect2"):
    samples = names(given["-I"])
    assert Path(given["-L"][0]).read_text().startswith("chr17\\t")
    if tool == "Mutect2":
        normal = given.get("-normal", [])
        assert set(normal) < set(samples), "-normal is the name of a sample, not a file"
        samples = normal + [one for one in samples if one not in normal]
        Path(str(out) + ".stats").write_text("statistic\\tvalue\\n")
        Path(given["--f1r2-tar-gz"][0]).write_bytes(b"f1r2")
    vcf(out, samples, [(700, "."), (800, ".")])
elif tool in ("CombineGVCFs", "GenotypeGVCFs"):
    found = [said_by("bcftools", "query", "-l", one).split() for one in given["-V"]]
    vcf(out, sorted(sum(found, [])), [(700, "."), (800, ".")])
elif tool in ("VariantFiltration", "FilterMutectCalls"):
    if tool == "VariantFiltration":
        assert len(given["--filter-name"]) == len(given["--filter-expression"]) == 2
    samples = said_by("bcftools", "query", "-l", given["-V"][0]).split()
    vcf(out, samples, [(700, "PASS"), (800, "weak_evidence")])
elif tool == "GatherVcfs":
    subprocess.run(["bcftools", "concat", "-O", "z", "-o", str(out), *given["-I"]], check=True, capture_output=True)
elif tool == "ApplyBQSR":
    out.write_bytes(Path(given["-I"][0]).read_bytes())
else:
    out.write_text(tool)
"""
"""Answers as GATK's command line does: a tool's name, then options with one value each."""

ANNOVAR = """
vcf, folder, *rest = sys.argv[1:]
assert Path(vcf).is_file() and (Path(folder) / "hg38_refGene.txt").is_file(), "the database is not there"
flags = [one for one in rest if one in ("-remove", "-vcfinput")]
pairs = [one for one in rest if one not in flags]
given = dict(zip(pairs[::2], pairs[1::2], strict=True))
assert sorted(flags) == ["-remove", "-vcfinput"], flags
assert set(given) == {"-buildver", "-out", "-protocol", "-operation", "-nastring"}, given
assert len(given["-protocol"].split(",")) == len(given["-operation"].split(","))
lines = Path(vcf).read_text().splitlines()
keys = ["Func.refGene", "Gene.refGene", "ExonicFunc.refGene", "AAChange.refGene"]
head = [f'##INFO=<ID={key},Number=.,Type=String,Description="{key} annotation provided by ANNOVAR">' for key in keys]
note = ("ANNOVAR_DATE=2020-06-08;Func.refGene=exonic;Gene.refGene=TP53;ExonicFunc.refGene=nonsynonymous_SNV;"
        "AAChange.refGene=.;ALLELE_END")
made = []
for line in lines:
    if line.startswith("#CHROM"):
        made += ['##INFO=<ID=ANNOVAR_DATE,Number=1,Type=String,Description="d">', *head,
                 '##INFO=<ID=ALLELE_END,Number=0,Type=Flag,Description="e">', line]
    elif line.startswith("#"):
        made.append(line)
    else:
        fields = line.split("\\t")
        assert "," not in fields[4], "one allele a line"
        made.append("\\t".join([*fields[:7], note, *fields[8:]]))
out = given["-out"] + "." + given["-buildver"] + "_multianno"
Path(out + ".vcf").write_text("\\n".join(made) + "\\n")
Path(out + ".txt").write_text("")
Path(given["-out"] + ".avinput").write_text("")
"""

VEP = """
if sys.argv[1:] == ["--help"]:
    print("Versions:\\n  ensembl              : 110.584a8cd\\n  ensembl-vep          : 110.1")
    sys.exit(0)
flags = {"--vcf", "--force_overwrite", "--offline", "--cache", "--symbol", "--hgvs", "--canonical", "--no_stats"}
rest = [one for one in sys.argv[1:] if one not in flags]
assert flags <= set(sys.argv[1:])
given = dict(zip(rest[::2], rest[1::2], strict=True))
known = {"--input_file", "--format", "--output_file", "--dir_cache", "--assembly", "--fasta", "--fork"}
assert set(given) == known, given
assert given["--assembly"] == "GRCh38" and Path(given["--dir_cache"]).is_dir() and Path(given["--fasta"]).is_file()
line = ["bcftools", "view", given["--input_file"]]
text = subprocess.run(line, capture_output=True, text=True, check=True).stdout
made = []
for line in text.splitlines():
    if line.startswith("#CHROM"):
        made.append('##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
                    'Format: Allele|Consequence|IMPACT|SYMBOL|CANONICAL">')
    fields = line.split("\\t")
    if not line.startswith("#"):
        fields[7] = f"CSQ={fields[4]}|missense_variant|MODERATE|TP53|YES"
    made.append("\\t".join(fields))
Path(given["--output_file"]).write_text("\\n".join(made) + "\\n")
"""


def write_stand_in(path: Path, body: str) -> Path:
    """An executable of Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport subprocess, sys\nfrom pathlib import Path\n{body}", encoding="utf-8")
    path.chmod(0o755)
    return path
