"""Gene and consequence of each alternate allele, read from INFO: of ANNOVAR, VEP or SnpEff, or from plain tags.

ANNOVAR repeats its block (``ANNOVAR_DATE=…;Func.refGene=…;…;ALLELE_END``) once an alternate allele. Hail keeps the
last of repeated keys in silence, so that the first allele of a multi-allelic line would take the last one's gene and
consequence. Therefore INFO is read here, block by block. VEP and SnpEff write one key with an entry a transcript:
`data_modules.ingest.variants.annotation.transcripts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from data_modules.ingest.variants.annotation.bcsq import bcsq_annotations
from data_modules.ingest.variants.annotation.funcotator import KEY as FUNCOTATION
from data_modules.ingest.variants.annotation.funcotator import FuncotatorReader
from data_modules.ingest.variants.annotation.records import (
    SCORES,
    UNANNOTATED,
    AnnotatedSite,
    Annotation,
    given,
    score_of,
    symbols,
)
from data_modules.ingest.variants.annotation.settings import AnnotationSettings, transcript_key
from data_modules.ingest.variants.annotation.transcripts import TranscriptReader
from data_modules.ingest.variants.consequences import consequence_class
from data_modules.ingest.variants.files.mended import upper
from data_modules.ingest.variants.files.vcf import VcfFacts, open_vcf
from fusion.contract import FusionError

Reader = Callable[[str, str, Sequence[str]], "Sequence[Annotation] | None"]
"""INFO, reference and alternate alleles → one annotation an alternate allele; None where they cannot be told apart."""


def read_annotations(facts: VcfFacts, settings: AnnotationSettings) -> Iterator[AnnotatedSite]:
    """The sites of a VCF in file order, each allele with its own annotation.

    Raises:
        FusionError: a multi-allelic line does not say which annotation is whose, and `unresolved` is ``refuse``; or a
            score is no number.
    """
    path = Path(facts.path)
    read = _reader(facts, settings)
    with open_vcf(path) as stream:
        for number, raw in enumerate(stream, start=1):
            if raw[:1] == b"#" or not raw.strip() or (number == 1 and facts.marked):
                continue
            contig, place, _, ref, alt, _, _, info = raw.split(b"\t", 8)[:8]
            if facts.lower_case:
                ref, alt = upper(ref), upper(alt)
            base, alts = ref.decode(), tuple(alt.decode().split(","))
            try:
                notes = read(info.decode(errors="replace"), base, alts)
            except ValueError as error:
                where = _where(path, number, raw)
                raise FusionError(f"{where}: {error}. Mend it, or name another tag in annotation.scores.") from error
            if notes is None:
                if settings.unresolved == "refuse":
                    where = _where(path, number, raw)
                    raise FusionError(
                        f"{where}: its annotation does not say which of the {len(alts)} alternate alleles it is of. "
                        "Annotate after `bcftools norm -m -any`, or set annotation.unresolved=unannotated to leave "
                        "such alleles without gene and consequence."
                    )
                notes = [Annotation(resolved=False)] * len(alts)
            yield AnnotatedSite(
                line=number,
                contig=contig.decode(),
                position=int(place),
                ref=base,
                alts=alts,
                annotations=tuple(notes),
            )


def _where(path: Path, number: int, raw: bytes) -> str:
    contig, place, _, ref, alt = (field.decode() for field in raw.split(b"\t", 5)[:5])
    return f"{path.name}, line {number}, {contig}:{place} {ref}>{alt}"


def _reader(facts: VcfFacts, settings: AnnotationSettings) -> Reader:
    kind = settings.resolved(facts)
    scores = settings.score_tags(facts)
    if kind in ("vep", "snpeff"):
        key = transcript_key(facts, kind)
        assert key is not None
        return TranscriptReader.of(key, facts.layouts[key], scores=scores)
    if kind == "annovar":
        model = settings.model_of(facts)
        return lambda info, ref, alts: annovar_annotations(info, alts, model, scores=scores)
    if kind == "funcotator":
        return FuncotatorReader.of(facts.layouts.get(FUNCOTATION, ""))
    if kind == "bcsq":
        return bcsq_annotations
    if kind == "info":
        return lambda info, ref, alts: tag_annotations(info, alts, settings, scores=scores)
    return lambda info, ref, alts: [UNANNOTATED] * len(alts)


def annovar_annotations(
    info: str, alts: Sequence[str], model: str, *, scores: Mapping[str, str] | None = None
) -> Sequence[Annotation] | None:
    """One annotation an alternate allele from ANNOVAR's repeated blocks; None where they cannot be told apart.

    Blocks are in the order of the alternate alleles; lines whose ``*`` alleles were skipped have one block fewer.
    """
    wanted = {f"{key}.{model}": key for key in ("Func", "Gene", "ExonicFunc", "AAChange")}
    wanted |= {tag: name for name, tag in (scores or {}).items()}
    blocks: list[dict[str, str]] = [{}]
    for item in info.split(";"):
        key, _, value = item.partition("=")
        name = wanted.get(key)
        if name is not None:
            if name in blocks[-1]:  # the key comes again: another allele's block begins
                blocks.append({})
            blocks[-1][name] = value
    notes = [_annovar(block) for block in blocks]
    real = [alt for alt in alts if alt != "*"]
    if len(notes) == len(alts):
        return notes
    if len(notes) == len(real):
        rest = iter(notes)
        return [UNANNOTATED if alt == "*" else next(rest) for alt in alts]
    return [UNANNOTATED] * len(alts) if blocks == [{}] else None


def _annovar(block: Mapping[str, str]) -> Annotation:
    value = {key: given(block.get(key)) for key in ("Func", "Gene", "ExonicFunc", "AAChange")}
    functions = (value["Func"] or "").split(";")
    # Func is the place, ExonicFunc the change; "exonic;splicing" is both, and the worst counts.
    places = [place for place in functions if place not in ("exonic", "")]
    exonic = [value["ExonicFunc"] or "other"] if "exonic" in functions else []
    consequence = consequence_class(";".join(places + exonic))
    # Between genes ANNOVAR names the two neighbours: neither is hit.
    gene = None if "intergenic" in functions else symbols(value["Gene"])
    return Annotation(
        gene=gene,
        consequence=consequence,
        aachange=value["AAChange"],
        sift=score_of(block.get("sift"), "sift"),
        polyphen=score_of(block.get("polyphen"), "polyphen"),
        cadd=score_of(block.get("cadd"), "cadd"),
    )


def tag_annotations(
    info: str, alts: Sequence[str], settings: AnnotationSettings, *, scores: Mapping[str, str] | None = None
) -> Sequence[Annotation] | None:
    """One annotation an alternate allele from plain tags: as many values as alleles are one each, one value is of all.

    None where a tag is there twice, or has another number of values.
    """
    columns: list[list[str | None]] = []
    tags = scores or {}
    for tag in (settings.gene, settings.consequence, settings.aachange, *(tags.get(name) for name in SCORES)):
        found = [item.partition("=")[2] for item in info.split(";") if tag and item.startswith(f"{tag}=")]
        values = found[0].split(",") if len(alts) > 1 and len(found) == 1 else found[:1]
        if len(values) == 1:
            values = values * len(alts)
        elif not values:
            values = ["."] * len(alts)
        if len(found) > 1 or len(values) != len(alts):
            return None
        columns.append([given(value) for value in values])
    return [
        Annotation(
            gene=symbols(gene),
            consequence=consequence_class(term),
            aachange=change,
            sift=score_of(sift, "sift"),
            polyphen=score_of(polyphen, "polyphen"),
            cadd=score_of(cadd, "cadd"),
        )
        for gene, term, change, sift, polyphen, cadd in zip(*columns, strict=True)
    ]
