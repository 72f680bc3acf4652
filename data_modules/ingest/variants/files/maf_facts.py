"""What one light pass over a MAF says: samples, builds, and what speaks against it; remembered by content."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from data_modules.genes.contigs import CONTIGS, plain_contig
from data_modules.hashes import file_hash, write_text_atomic
from data_modules.ingest.variants.files.maf import MafHeader, build_known, class_of
from data_modules.ingest.variants.files.maf_lines import FIELDS, calls_of, is_date, sequenced_samples
from data_modules.ingest.variants.files.vcf import LENGTHS
from data_modules.ingest.variants.settings import GenotypeFilters, Origin
from fusion.contract import some

VERSION = 5
"""Of how MAFs are read: results of another are made anew."""

_BARCODE, _BUILD, _CLASS, _GENE, _CONTIG, _START, _END, _REFERENCE, _SHARE, _READS = (
    FIELDS.index(name)
    for name in ("barcode", "build", "classification", "gene", "chromosome", "start", "end", "reference", "vaf",
                 "alt_count")
)  # fmt: skip
_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class MafFacts:
    """What one light pass over a MAF says.

    Attributes:
        samples: barcodes in order of first sight, and those that ``#sequenced_samples`` lists.
        builds: values of NCBI_Build that say anything.
        lines: how many calls it lists.
        farthest: chromosome → its farthest position, and the line of it.
        off: lines whose End_Position is one more than start and alleles say, as where starts are counted from 0.
        fitting: lines whose End_Position agrees with them.
        strange: words of Variant_Classification that are not known → how many lines.
        dates: symbols of genes that are dates → how many lines.
        large_shares: lines whose allele fraction is above 1.
    """

    samples: tuple[str, ...]
    builds: tuple[str, ...]
    lines: int
    farthest: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    off: int = 0
    fitting: int = 0
    strange: Mapping[str, int] = field(default_factory=dict)
    dates: Mapping[str, int] = field(default_factory=dict)
    large_shares: int = 0

    def problems(self, name: str, *, key: str, build: str) -> Iterator[str]:
        """Facts that cannot be of the cohort's build, or of a MAF; `key` is the config key of the modality."""
        length = dict(zip(CONTIGS, LENGTHS[build], strict=False))
        for contig, (position, line) in self.farthest.items():
            if position > length.get(contig, position):
                others = [
                    other
                    for other, lengths in LENGTHS.items()
                    if other != build
                    and all(at <= dict(zip(CONTIGS, lengths, strict=False)).get(one, at) for one, (at, _) in
                            self.farthest.items())
                ]  # fmt: skip
                hint = f"Set cohort.build={others[0]} if it is of that build" if others else "Mend it"
                yield (
                    f"{key}.files: {name}, line {line}: position {position} is beyond the end of chromosome {contig}, "
                    f"which has {length[contig]} bases in {build}. {hint}, or lift the file over."
                )
                break
        if self.off > self.fitting:
            yield (
                f"{key}.files: in {self.off} of {self.off + self.fitting} lines of {name}, End_Position is one more "
                "than start and alleles say: Start_Position is probably counted from 0, as a BED does. Add 1 to it."
            )

    def said(self, name: str) -> Iterator[str]:
        """What is not known of the file, in sentences."""
        if self.strange:
            told = some(_words(self.strange))
            yield f"{name}: {sum(self.strange.values())} lines count as other, by words that are not known: {told}."
        if self.dates:
            told = some(_words(self.dates))
            yield (
                f"{name}: {sum(self.dates.values())} lines have a date for a gene ({told}), which nobody can tell for "
                "sure: they count under that name. Fetch the file as it was before a spreadsheet."
            )
        if self.large_shares:
            yield (
                f"{name}: allele fractions of {self.large_shares} lines are above 1 and not read: write shares, or "
                "per cent with its sign."
            )


def _words(counts: Mapping[str, int]) -> list[str]:
    return [f"{word!r} ({number})" for word, number in counts.items()]


def strange_words(found: Collection[MafFacts], *, key: str, filters: Mapping[Origin, GenotypeFilters]) -> list[str]:
    """A refusal where most lines of all files have a Variant_Classification that nobody knows: no gene would be hit.

    Args:
        found: of each file.
        key: config key of the modality.
        filters: how much may be lost; the largest share of any origin counts.
    """
    tolerated = max((one.max_lost for one in filters.values()), default=1.0)
    words: Counter[str] = Counter()
    for facts in found:
        words.update(facts.strange)
    lost, lines = words.total(), sum(facts.lines for facts in found)
    if lost <= tolerated * lines:
        return []
    return [
        f"{key}.files: {lost} of {lines} lines have a Variant_Classification that is none of a MAF's, ANNOVAR's or the "
        f"Sequence Ontology's ({some(_words(dict(words.most_common())))}), so that no gene is hit by them. Write "
        f"Missense_Mutation, Nonsense_Mutation and so on, or set {key}.filters.<origin>.max_lost above {tolerated:g}."
    ]


def read_maf_facts(header: MafHeader, *, cache: Path) -> MafFacts:
    """Facts of a MAF, remembered in the cache by the file's content.

    Raises:
        MafError: the file is truncated or ragged.
    """
    note = cache / "maf" / f"{file_hash(header.path, memo=cache)[:32]}-{VERSION}.json"
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        tuples = {name: tuple(content[name]) for name in ("samples", "builds")}
        farthest = {contig: (position, line) for contig, (position, line) in content["farthest"].items()}
        return MafFacts(**{**content, **tuples, "farthest": farthest})
    except (OSError, ValueError, KeyError, TypeError):
        pass  # absent or damaged: read again
    facts = _scan(header)
    write_text_atomic(note, json.dumps(asdict(facts)))
    return facts


def _scan(header: MafHeader) -> MafFacts:
    samples: dict[str, None] = {}
    builds: Counter[str] = Counter()
    strange: Counter[str] = Counter()
    dates: Counter[str] = Counter()
    ends: Counter[int] = Counter()
    farthest: dict[str, tuple[int, int]] = {}
    lines = large = 0
    for number, values in calls_of(header):
        lines += 1
        samples[values[_BARCODE]] = None
        builds[values[_BUILD]] += 1
        if not class_of(values[_CLASS])[1]:
            strange[values[_CLASS]] += 1
        if "-" in values[_GENE] and is_date(values[_GENE]):
            dates[values[_GENE]] += 1
        if values[_SHARE] and not values[_READS]:
            large += _number(values[_SHARE]) > 1
        if values[_START].isdigit():
            start, contig, bases = int(values[_START]), values[_CONTIG], values[_REFERENCE].strip("-")
            if start > farthest.get(contig, (0, 0))[0]:
                farthest[contig] = (start, number)
            if bases and values[_END].isdigit():  # of an insertion, both are beside it
                ends[int(values[_END]) - start - len(bases) + 1] += 1
    by_name: dict[str, tuple[int, int]] = {}
    for contig, at in farthest.items():
        name = plain_contig(contig)
        by_name[name] = max(at, by_name.get(name, at))
    return MafFacts(
        samples=tuple(dict.fromkeys([*filter(None, samples), *sequenced_samples(header.comments)])),
        builds=tuple(sorted(name for name in builds if build_known(name))),
        lines=lines,
        farthest={contig: at for contig, at in by_name.items() if contig in CONTIGS},
        off=ends[1],
        fitting=ends[0],
        strange=dict(strange.most_common(_SHOWN)),
        dates=dict(dates.most_common(_SHOWN)),
        large_shares=large,
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
