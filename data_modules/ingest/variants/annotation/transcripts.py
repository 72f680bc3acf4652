"""VEP's ``CSQ`` and SnpEff's ``ANN``: many entries a line, one a transcript and allele, brought to one an allele.

Of each gene the worst consequence counts, by the Sequence Ontology terms' order of severity; of the genes, those with
the worst class of all. Which fields an entry has stands in the header's Description.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from data_modules.ingest.variants.annotation.records import SCORES, UNANNOTATED, Annotation, decode, score_of, symbols
from data_modules.ingest.variants.annotation.settings import SCORE_TAGS
from data_modules.ingest.variants.consequences import CLASS_OF, CLASSES, consequence_class, severity

_NAMES = {
    "consequence": ("Consequence", "Annotation"),
    "gene": ("SYMBOL", "Gene_Name", "Gene", "Gene_ID"),
    "change": ("HGVSp", "HGVS.p"),
    "feature": ("Feature", "Feature_ID"),
    "biotype": ("BIOTYPE", "Transcript_BioType"),
}
_CHOSEN = ("MANE_SELECT", "PICK", "CANONICAL")
_NO_GENE = ("intergenic_variant", "intergenic_region", "regulatory_region_variant", "tf_binding_site_variant")


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """One entry: what an allele does to one transcript."""

    allele: str
    number: int | None
    gene: str | None
    terms: str
    change: str | None
    chosen: bool
    scores: Mapping[str, float | None]

    @property
    def rank(self) -> tuple[int, bool]:
        """The worst first, and of equals the transcript that the annotator puts first."""
        return severity(self.terms)[0], not self.chosen


@dataclass(frozen=True, kw_only=True)
class TranscriptReader:
    """Reads the entries of one file.

    Attributes:
        key: of INFO.
        at: name of a field → its place in an entry.
        scores: ``sift`` … → an INFO key beside, for files whose entries lack the score.
    """

    key: str
    at: Mapping[str, int]
    scores: Mapping[str, str]

    @classmethod
    def of(cls, key: str, description: str, *, scores: Mapping[str, str]) -> TranscriptReader:
        """Fields from ``… Format: Allele|Consequence|…`` (VEP) or ``… 'Allele | Annotation | …'`` (SnpEff)."""
        listed = description[description.index("Allele") :].strip("\"' ")
        names = [name.strip(" '\"") for name in listed.split("|")]
        return cls(key=key, at={name: at for at, name in enumerate(names)}, scores=scores)

    def __call__(self, info: str, ref: str, alts: Sequence[str]) -> Sequence[Annotation] | None:
        """One annotation an alternate allele; None where an entry's allele is none of them."""
        values = dict(item.partition("=")[::2] for item in info.split(";"))
        text = values.get(self.key)
        if not text or text == ".":
            return [UNANNOTATED] * len(alts)
        transcripts = [self._transcript(entry.split("|")) for entry in text.split(",")]
        of_allele: list[list[Transcript]] = [[] for _ in alts]
        numbers = allele_numbers(ref, alts, {one.allele for one in transcripts if not one.number})
        for one in transcripts:
            at = one.number - 1 if one.number else numbers.get(one.allele)
            if at is None and len(alts) == 1:
                at = 0
            if at is None or not 0 <= at < len(alts):
                return None
            of_allele[at].append(one)
        beside = {name: score_of(values.get(tag), name) for name, tag in self.scores.items()} if len(alts) == 1 else {}
        return [worst(found, beside) for found in of_allele]

    def _transcript(self, fields: Sequence[str]) -> Transcript:
        def get(*names: str) -> str:
            places = (self.at[name] for name in names if name in self.at)
            return next((fields[at] for at in places if at < len(fields) and fields[at] not in ("", ".")), "")

        terms = get(*_NAMES["consequence"])
        change = decode(get(*_NAMES["change"]))
        feature = get(*_NAMES["feature"])
        gene = get(*_NAMES["gene"])
        number = get("ALLELE_NUM")
        return Transcript(
            allele=get("Allele"),
            number=int(number) if number.isdigit() else None,
            gene=None if severity(terms)[1] in _NO_GENE else symbols(gene),
            terms=terms,
            # SnpEff's p. names no transcript, VEP's does.
            change=(change if ":" in change or not feature else f"{feature}:{change}") if change else None,
            chosen=any(get(name) not in ("", "0", "NO") for name in _CHOSEN),
            scores={name: score_of(get(*tags) or None, name) for name, tags in SCORE_TAGS.items()},
        )


def allele_numbers(ref: str, alts: Sequence[str], used: Collection[str]) -> dict[str, int]:
    """How an annotator spelt alternate alleles → their places among `alts`.

    As they stand; as VEP trims them (where all but ``*`` share the first base of the reference, that base is cut off
    and ``-`` stands for nothing); or trimmed each on its own, as ``--minimal`` does. Of ``AA`` → ``A``, ``AAA`` the
    word ``A`` is the first as it stands and the second trimmed: the spelling counts that has all the words of a line,
    and a word of which such spellings say different things is none.

    Args:
        ref: of the line.
        alts: of the line.
        used: how its entries name alleles; SnpEff's cancer mode writes ``G-C`` for G against a C of the normal.
    """
    real = [alt for alt in alts if alt != "*" and alt[:1].isalpha()]
    shared = len({len(ref), *map(len, real)}) > 1 and all(alt[:1] == ref[:1] for alt in real)
    own: dict[str, int] = {}
    for at, alt in enumerate(alts):
        if alt in real:
            short = _own(ref, alt)
            own[short] = -1 if short in own else at
    spellings = [
        {alt: at for at, alt in enumerate(alts)},
        {(alt[1:] or "-"): at for at, alt in enumerate(alts) if shared and alt in real},
        {short: at for short, at in own.items() if at >= 0},
    ]
    words = {word: word if any(word in one for one in spellings) else word.partition("-")[0] for word in used}
    fitting = [one for one in spellings if all(word in one for word in words.values())]
    found: dict[str, int] = {}
    for given, word in words.items():
        places = {one[word] for one in fitting} if fitting else {one[word] for one in spellings if word in one}
        if len(places) == 1:
            found[given] = places.pop()
    return found


def _own(ref: str, alt: str) -> str:
    while ref and alt and ref[0] == alt[0]:
        ref, alt = ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return alt or "-"


def worst(transcripts: Sequence[Transcript], beside: Mapping[str, float | None]) -> Annotation:
    """Of one allele: its worst class, the genes that have it, and the worst class of every gene."""
    if not transcripts:
        return UNANNOTATED
    of_gene: dict[str | None, Transcript] = {}
    for one in transcripts:
        if one.gene not in of_gene or one.rank < of_gene[one.gene].rank:
            of_gene[one.gene] = one
    classes = {gene: _class(one.terms) for gene, one in of_gene.items()}
    # Between genes (no gene) counts only where there is nothing else.
    named = {gene: name for gene, name in classes.items() if gene is not None} or classes
    top = min(named.values(), key=CLASSES.index)
    genes = [gene for gene, name in named.items() if name == top and gene is not None]
    first = min((of_gene[gene] for gene, name in named.items() if name == top), key=lambda one: one.rank)
    scores: dict[str, float | None] = {}
    for name in SCORES:
        own = [value for one in transcripts if (value := one.scores[name]) is not None]
        scores[name] = (min(own) if name == "sift" else max(own)) if own else beside.get(name)
    effects = ";".join(f"{gene}={name}" for gene, name in named.items() if gene is not None)
    return Annotation(
        gene=";".join(genes) or None,
        consequence=top,
        aachange=first.change,
        effects=effects if len(named) > 1 else None,
        sift=scores["sift"],
        polyphen=scores["polyphen"],
        cadd=scores["cadd"],
    )


def _class(terms: str) -> str:
    """Of the most severe term, which decided which transcript counts."""
    return CLASS_OF.get(severity(terms)[1]) or consequence_class(terms) or "other"
