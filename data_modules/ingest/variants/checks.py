"""What makes VCFs unfit for ingest, each problem with its file, its values and the key or tool that mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_modules.genes.contigs import CONTIGS, plain_contig
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.files.mended import TUMOURS
from data_modules.ingest.variants.files.vcf import VcfFacts
from data_modules.ingest.variants.settings import GenotypeFilters, InputSettings, VcfFile
from fusion.contract import some

_FORMAT: dict[str, tuple[str, tuple[str, ...]]] = {
    "GT": ("String", ("1",)),
    "GQ": ("Integer Float", ("1",)),
    "DP": ("Integer", ("1",)),
    "AD": ("Integer", ("R", ".", "G")),
}
"""FORMAT keys that are read → the types and numbers with which they can be."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which columns of a file are kept.

    Attributes:
        columns: sample names in the order of the file, None for those left out.
        dropped: names of those left out: the normals of tumour/normal pairs.
    """

    columns: tuple[str | None, ...]
    dropped: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """Samples that are kept, by their names."""
        return tuple(name for name in self.columns if name is not None)

    @classmethod
    def of(cls, facts: VcfFacts, tumours: Sequence[str] | None, *, label: str = "", always: bool = False) -> Pairs:
        """By config, else ``##tumor_sample``, else ``##normal_sample``; all columns where nothing tells.

        Args:
            facts: of the file.
            tumours: what config names, maybe nothing; None for files of another origin, which are no pairs.
            label: of the file: the name of the one sample whose column says only that it is the tumour.
            always: whether the one sample has that name whatever its column says.
        """
        found = cls._of(facts, tumours)
        if label and len(found.kept) == 1 and (always or found.kept[0].upper() in TUMOURS):
            return replace(found, columns=tuple(label if name else None for name in found.columns))
        return found

    @classmethod
    def _of(cls, facts: VcfFacts, tumours: Sequence[str] | None) -> Pairs:
        samples = facts.samples
        if tumours is not None and {name.upper() for name in samples} in ({"NORMAL", "TUMOR"}, {"NORMAL", "TUMOUR"}):
            # Strelka, VarScan and others name the columns by what they are.
            facts = replace(facts, tumours=tuple(name for name in samples if name.upper() in TUMOURS))
        named = set(tumours or ()) & set(samples) or set(facts.tumours) & set(samples)
        normals = set(samples) - named if named else set(facts.normals) & set(samples)
        if tumours is None or len(normals) == len(samples):
            return cls(columns=samples)
        return cls(
            columns=tuple(None if name in normals else name for name in samples),
            dropped=tuple(name for name in samples if name in normals),
        )


def input_problems(key: str, inputs: InputSettings) -> list[str]:
    """Files that are set and are not there."""
    return [
        f"{key}.{'' if name == 'fasta' else 'inputs.'}{name}={path} does not exist. Fetch it, or set it to null."
        for name, path in inputs.paths.items()
        if not path.is_file()
    ]


def file_problems(
    facts: VcfFacts,
    *,
    name: str,
    key: str,
    build: str,
    filters: GenotypeFilters,
    annotation: AnnotationSettings,
    chain: Path | None,
    may_be_empty: bool = False,
) -> list[str]:
    """Of one file; `may_be_empty`: nothing in it passes, and others of its origin have variants: nothing was found."""
    where = f"{key}.files"
    if facts.problem is not None:
        remedy = "Fetch or write the file anew" if "truncated" in facts.problem else "Mend the file"
        return [f"{where}: {facts.path if facts.path.endswith(name) else name} {facts.problem}. {remedy}."]
    problems = []
    twice = sorted({sample for sample in facts.samples if facts.samples.count(sample) > 1})
    if twice:
        problems.append(f"{where}: {name} has the same sample twice ({some(twice)}). Rename with `bcftools reheader`.")
    if _spelling(facts) == "mixed":
        pair = _mixed_pair(facts)
        problems.append(
            f"{where}: {name} mixes contig spellings ({pair}). Use one with `bcftools annotate --rename-chrs`."
        )
    if facts.build is not None and facts.build != build and chain is None:
        named = f"##reference={facts.reference}" if facts.reference else f"assembly={some(facts.assemblies)}"
        why = "contig lengths" if any(facts.lengths.values()) else named
        problems.append(
            f"{where}: {name} is of build {facts.build} (by {why}) and cohort.build is {build}. "
            f"Set cohort.build, or lift the file over: {key}.inputs.chain takes a chain file from {facts.build} "
            f"to {build}."
        )
    foreign = facts.foreign
    if foreign is not None:
        problems.append(
            f"{where}: {name} is of another genome: {foreign}. Align it to {build}, or lift it over before."
        )
    declared = some(list(facts.info)) or "none"
    for problem in annotation.problems(facts):
        problems.append(f"{key}.annotation asks for {problem.format(name=name)}. It declares {declared}.")
    unread = annotation.unread(facts)
    if unread is not None:
        problems.append(
            f"{where}: {name} has an annotation that cannot be read: {unread}. Or set {key}.annotation: {{format: "
            f"info, gene: …, consequence: …}} to tags that it has, or {key}.annotation.format=none to leave genes "
            "unknown."
        )
    problems += [f"{where}: {name} {problem}" for problem in _format_problems(facts.fields)]
    elsewhere = {name: number for name, number in facts.contigs.items() if plain_contig(name) not in CONTIGS}
    lost, seen = sum(elsewhere.values()), some(list(elsewhere))
    rename = "Rename contigs with `bcftools annotate --rename-chrs`"
    if not facts.records:
        why = "" if may_be_empty else " Fetch it anew; that nothing was found is taken of few files among others alone."
        problems += [f"{where}: {name} has no record.{why}"] if why else []
    elif lost == facts.records:
        problems.append(f"{where}: {name} has no record on chromosomes 1 to 22, X, Y or MT ({seen}). {rename}.")
    elif lost > filters.max_lost * facts.records:
        problems.append(
            f"{where}: {lost} of {facts.records} records of {name} are on no chromosome 1 to 22, X, Y or MT ({seen}). "
            f"{rename}, or set {key}.filters.<origin>.max_lost above {filters.max_lost:g} to go on without them."
        )
    elif nothing_passes(facts, filters) and not may_be_empty:
        problems.append(
            f"{where}: no record of {name} passes its filter; FILTER is {some(sorted(facts.filters))} and "
            f"{key}.filters accepts {some(filters.accept)}. Add values to accept."
        )
    return problems


def nothing_passes(facts: VcfFacts, filters: GenotypeFilters) -> bool:
    """Whether a file has no record, or none whose FILTER is accepted."""
    return not any(filters.passes(reasons) for reasons in facts.filters)


def _format_problems(fields: Mapping[str, str]) -> list[str]:
    problems = []
    for key, (kinds, numbers) in _FORMAT.items():
        number, _, kind = fields.get(key, ",").partition(",")
        if key == "AD" and kind == "Integer":
            continue  # VarScan's is the alternate reads alone; any other number is left unread
        if key in fields and (kind not in kinds.split() or number not in numbers):
            problems.append(
                f"declares FORMAT {key} as Number={number},Type={kind} instead of Number={numbers[0]},"
                f"Type={kinds.split()[0]}. Mend its header with `bcftools reheader`."
            )
    return problems


def set_problems(key: str, files: Sequence[tuple[VcfFile, VcfFacts, Pairs]]) -> list[str]:
    """Of files together: a sample that two of an origin list on the same contig."""
    seen: dict[tuple[str, str, str], str] = {}
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for file, facts, pairs in files:
        contigs = [plain_contig(contig) for contig in facts.contigs]
        for sample in pairs.kept:
            for contig in contigs:
                other = seen.setdefault((file.origin, sample, contig), str(file.path))
                if other != str(file.path):
                    found.setdefault((Path(other).name, file.path.name), []).append((sample, contig))
    if not found:
        return []
    names = list(dict.fromkeys(name for pair in found for name in pair))
    samples = list(dict.fromkeys(sample for cells in found.values() for sample, _ in cells))
    contigs = list(dict.fromkeys(contig for cells in found.values() for _, contig in cells))
    same = f"{key}.files: {some(names)} all hold sample {some(samples)}, on contig {some(contigs)}"
    if len(names) == 2:
        same = f"{key}.files: {names[0]} and {names[1]} both hold sample {some(samples)}, on contig {some(contigs)}"
    return [
        f"{same}. Where they are of one patient, name one of them only, or put them together with `bcftools concat "
        f"--allow-overlaps`; where each is another patient's, set {key}.inputs.names=file (the patient from the file's "
        "name), or rename the columns with `bcftools reheader -s`."
    ]


def spoken(facts: Sequence[VcfFacts]) -> list[str]:
    """What of VCFs is read otherwise than it is declared, in sentences."""
    told = []
    for what, concerned in (
        ("use FORMAT {keys}, which their headers do not declare: read as the VCF specification has them",
         [one for one in facts if one.undeclared]),
        ("have half calls (./1), read as one alternate allele", [one for one in facts if one.half_calls]),
        ("have bases in lower case, read as the same in upper case", [one for one in facts if one.lower_case]),
        ("have no GT, as Strelka writes none: their tumours carry the alternate allele of each line",
         [one for one in facts if one.without_genotypes]),
        ("declare AD as the reads of one allele: no allele depths are taken of it, but of RD beside it",
         [one for one in facts if one.fields.get("AD") == "1,Integer"]),
    ):  # fmt: skip
        if concerned:
            keys = ", ".join(dict.fromkeys(key for one in concerned for key in one.undeclared))
            told.append(f"{some([Path(one.path).name for one in concerned], 3)} {what.format(keys=keys)}.")
    return told


def _spelling(facts: VcfFacts) -> str:
    """How a file's records name chromosomes: ``chr``, ``plain`` or ``mixed``."""
    known = [contig for contig in facts.contigs if plain_contig(contig) in CONTIGS]
    prefixed = {contig[:3].lower() == "chr" for contig in known}
    return "mixed" if len(prefixed) > 1 else "chr" if prefixed == {True} else "plain"


def _mixed_pair(facts: VcfFacts) -> str:
    known = [contig for contig in facts.contigs if plain_contig(contig) in CONTIGS]
    first = next(contig for contig in known if contig[:3].lower() == "chr")
    return f"{first} and {next(contig for contig in known if contig[:3].lower() != 'chr')}"
