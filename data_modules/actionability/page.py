"""The listing as one HTML page that needs no network: patients, what was found of them, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>CIViC evidence of {{ source.date }}</title><style>
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}td,th{border-bottom:1px solid #d8dce1;padding:.2rem .5rem;
text-align:left;vertical-align:top}.note{background:#fff7e0;padding:.5rem .8rem}small,.other td{color:#5b636d}
summary{cursor:pointer;margin:.3rem 0}h3{margin:.9rem 0 0}code{font-size:.9em}p,code,h3,td{overflow-wrap:anywhere}
@media(max-width:40rem){tr,td{display:block}.rows tr:first-child{display:none}.rows td:nth-child(-n+3){display:inline}
tr{border-bottom:1px solid #d8dce1;padding:.3rem 0}td{border:0;padding:0 .2rem 0 0}.rows td:first-child::before{content:"level "}
.rows td:nth-child(2)::before,.rows td:nth-child(3)::before{content:"· "}}
</style></head><body>
{% macro n(count, one) %}{{ count }} {{ one if count == 1 else one ~ "s" }}{% endmacro %}
<h1>What CIViC holds of these variants</h1>
<p class="note">{{ said }}</p>
<p>CIViC's release of {{ source.date }} ({{ source.licence }});
{{ account.patients_with_evidence }} of {{ n(account.patients, "patient") }} {{ "has" if account.patients_with_evidence == 1 else "have" }} a variant with evidence of the kind
{{ settings.kinds|join(", ") }}. Tumour type: {{ settings.diseases|join(", ") or "as the table says, or not said" }}.
Evidence below level {{ settings.level }} is folded away
({% for level, word in settings.levels.items() %}{{ level }} {{ word }}{{ "" if loop.last else ", " }}{% endfor %}).
</p>
{% macro rows(evidence, of) %}<table class="rows" aria-label="Evidence of {{ of }}"><tr><th>level<th>effect<th>therapy<th>tumour type<th>source</tr>
{% for row in evidence %}<tr class="{{ "" if row.tumour in ("same", "any tumour", "not said") else "other" }}">
<td>{{ row.level }}<td>{{ row.effect }}<td>{{ row.regimen or "–" }}
<td>{{ row.disease or "not stated" }}{% if row.tumour not in ("not said",) %} <small>({{ row.tumour }})</small>{% endif %}
<td><a href="{{ row.url }}">EID{{ row.id }}</a> {{ row.citation }}
<small>{{ row.origin or "origin not stated" }}, {{ n(row.rating|int, "star") if row.rating else "not rated" }}{% if row.flagged %}, flagged by CIViC's editors{% endif %}
</small></tr>{% endfor %}</table>{% endmacro %}
{% macro profile(entry) %}<h3><a href="{{ entry.url }}">{{ entry.profile }}</a> <small>{{ entry.nearness }}</small></h3>
{% for match in entry.matches %}<div><code>{{ match.variant }}</code> (line {{ match.line }}) is
{{ match.civic }}: {{ match.by }}</div>{% endfor %}
{% if entry.needs is defined %}<div>Only together with {{ entry.needs|join(" and ") }}, which this list of variants does not
show.</div>{% endif %}
{% set open = entry.evidence|rejectattr("folded")|list %}{% if open %}{{ rows(open, entry.profile) }}{% endif %}
{% if entry.assertions %}<div>CIViC's assertions: {% for one in entry.assertions %}<a href="{{ one.url }}">AID{{ one.id }}</a>{% if one.tier is not none %} ({{ one.tier or "no tier stated" }}: {{ one.effect }}{% if one.regimen %} to {{ one.regimen }}{% endif %}, {{ one.disease or "no tumour type" }}{% if one.tumour != "not said" %}, {{ one.tumour }}{% endif %}){% endif %}{{ "" if loop.last else "; " }}{% endfor %}</div>{% endif %}
{% if entry.folded %}<details><summary>{{ n(entry.folded, "row") }} below level {{ settings.level }}</summary>
{{ rows(entry.evidence|selectattr("folded")|list, entry.profile) }}</details>{% endif %}{% endmacro %}
{% for patient, one in patients.items() if one.profiles or one.partial %}
<details {{ "open" if patients|length < 6 else "" }}><summary><b>{{ patient }}</b>: {{ n(one.profiles|length, "profile") }},
{{ one.variants_matched }} of {{ n(one.variants, "variant") }} matched</summary>
{% for entry in one.profiles %}{{ profile(entry) }}{% endfor %}
{% if one.partial %}<details><summary>{{ n(one.partial|length, "profile") }} that {{ "needs" if one.partial|length == 1 else "need" }} more than was found</summary>
{% for entry in one.partial %}{{ profile(entry) }}{% endfor %}</details>{% endif %}
{% if one.no_match %}<details><summary>No match: {{ n(one.variants - one.variants_matched, "variant") }}</summary>
<p>{{ one.no_match|map(attribute="variant")|join("; ") }}</p></details>{% endif %}</details>{% endfor %}
{% set without = patients.items()|rejectattr("1.profiles")|rejectattr("1.partial")|map(attribute="0")|list %}
{% if without %}<h2>No match</h2><p>{{ n(without|length, "patient") }}: {{ without|join(", ") }}</p>{% endif %}
<h2>How it was matched</h2>
<p><b>exact</b>: the same allele by coordinates of its build, by coding HGVS of the same transcript, or by the change of the
protein. <b>codon</b>: another amino acid at the residue, where CIViC names the residue alone. <b>region</b>: in the exon or domain.
<b>gene</b>: by what the change does to the gene; whether this one acts as those of the evidence did is not known.
{{ tiers }}
<i>Against</i> stands where CIViC's row does not support the effect. {{
account.civic_variants_that_no_list_of_variants_can_tell }} of CIViC's {{ account.civic_variants }} variants
(expression, wild types, gains of function, …) no list of variants can tell: they match nobody.
{% if account.civic_profiles_not_read %}Profiles not read: {{ account.civic_profiles_not_read|join("; ") }}.{% endif %}</p>
<table aria-label="SHA-256 of CIViC's files">{% for file, digest in source.sha256.items() %}<tr><th scope="row">{{ file }}<td><code>{{ digest }}</code></tr>{% endfor %}
</table></body></html>
"""  # noqa: E501


def page(listed: Mapping[str, Any]) -> str:
    """HTML of a `listing`; every text in it is escaped."""
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined).from_string(_TEMPLATE).render(**listed)
