"""model_card.md: YAML that a hub reads, then sections in the order of Hugging Face's template.

The format: https://huggingface.co/docs/hub/model-cards; the idea: Mitchell et al., Model cards for model reporting,
FAT* 2019. What a run does not know says *not reported*, for the authors to fill in.
"""

from __future__ import annotations

from typing import Any

import yaml

from fusion.report.card.facts import Facts, plain

NOT_REPORTED = "*not reported*"
LIBRARY = "oncofusion"


def model_card(facts: Facts) -> str:
    """The file's text."""
    front = yaml.safe_dump(front_matter(facts), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{_body(facts)}"


def front_matter(facts: Facts) -> dict[str, Any]:
    """What a hub reads: tags, metrics, and results with their names and values."""
    cohort = facts.record["cohort"]
    judged = facts.metrics["arms"].get(facts.reference, {})
    results = [
        {"type": name, "name": facts.labels.get(name, name), "value": round(float(part["value"]), 4)}
        for name, part in judged.items()
        if part["value"] is not None
    ]
    simulated = ["simulated-data"] if facts.record["simulated"] else []
    return {
        "language": ["en"],
        "license": "unknown",
        "library_name": LIBRARY,
        "tags": ["oncology", "multimodal", "not-for-clinical-use", facts.endpoint["kind"], *simulated],
        "metrics": [one["type"] for one in results],
        "model-index": [
            {
                "name": f"{cohort['name']}-{facts.endpoint['name']}",
                "results": [
                    {
                        "task": {"type": "tabular-classification", "name": f"prediction of {facts.endpoint['name']}"},
                        "dataset": {"type": "private", "name": cohort["name"], "split": "out of fold"},
                        "metrics": results,
                    }
                ],
            }
        ],
    }


def _body(facts: Facts) -> str:
    cohort, endpoint, metrics = facts.record["cohort"], facts.endpoint, facts.metrics
    stamp = "\n> **SIMULATED DATA.** Nothing here is a finding.\n" if facts.record["simulated"] else ""
    chosen = metrics["verdict"]["metric"]
    parts = [
        f"# Model card for {plain(cohort['name'])}: {plain(endpoint['name'])}\n{stamp}",
        "## Model details\n",
        f"- **Predicts:** {plain(endpoint['name'])} ({endpoint['kind']}: {plain(' / '.join(endpoint['classes']))})"
        + (f". {plain(endpoint['note'])}" if endpoint.get("note") else ""),
        f"- **From:** {plain(', '.join(facts.modalities))}; any subset of them",
        f"- **Model:** a plain model (`{plain(facts.setting('model.base') or 'none')}`) and an attention-fusion "
        f"network on it; "
        f"the mean of {metrics['folds'] * metrics['repeats']} fold models is what `fusion.predict` gives",
        f"- **Made by:** {NOT_REPORTED}; with {LIBRARY} {facts.record['versions'].get(LIBRARY, '')}, "
        f"commit {facts.record.get('git_commit') or 'of a release'}, begun {facts.record['started'][:10]}",
        f"- **Licence of data and weights:** {NOT_REPORTED}\n",
        "## Uses\n",
        "Research on cohorts like the one below. It is no medical device, is not validated for decisions on "
        "patients, and "
        f"must not guide treatment. Intended users and place in care: {NOT_REPORTED}.\n",
        "## Bias, risks and limitations\n",
        _limits(facts),
        "## How to get started\n",
        "    python -m fusion.predict run=<this folder> cohort=<your cohort>\n",
        "## Training data\n",
        f"{facts.kept} patients of {facts.seen} that any file names; who was dropped and why: `cohort.csv` "
        f"(names patients; do "
        f"not publish it), counts in `report.html`. Setting, dates and eligibility: {NOT_REPORTED}. Files by SHA-256: "
        "`run.json`.\n",
        "## Training procedure\n",
        f"{metrics['folds']} outer folds × {metrics['repeats']} repeats, {facts.setting('folds.inner')} inner "
        f"folds for early "
        f"stopping, calibration and choices; seed {facts.record['seed']}. Every setting: `config.yaml`.\n",
        "## Evaluation\n",
        f"Out of fold on the patients above; 95 % intervals over draws of "
        f"{metrics.get('units', {}).get('drawn', 'cases')}. No "
        "external validation.\n",
        "| metric | value |\n|---|---|",
        *(f"| {plain(facts.labels[name])} | {facts.told(name)} |" for name in facts.labels if _has(facts, name)),
        f"\nVerdict by {plain(facts.labels.get(chosen, chosen))}: **{plain(metrics['verdict']['status'])}**. "
        f"{plain(metrics['verdict']['text'])}\n",
        "## Compute\n",
        f"{facts.record.get('seconds', 0):.0f} s on {facts.record['machine']['cores']} cores of "
        f"{facts.record['machine']['processor']}"
        f", {facts.record.get('peak_memory_bytes', 0) / 1e9:.1f} GB at most. Emissions: {NOT_REPORTED}.\n",
        "## Citation and contact\n",
        f"{NOT_REPORTED}\n",
    ]
    return "\n".join(parts)


def _has(facts: Facts, name: str) -> bool:
    return name in facts.metrics["arms"].get(facts.reference, {})


def _limits(facts: Facts) -> str:
    metrics = facts.metrics
    told = ["- One cohort, cross-validated; figures estimate one fold's model."]
    size = metrics.get("sample_size")
    if size and size.get("needed"):
        most = max(size["needed"].values())
        told.append(
            f"- {size['patients']} patients; Riley's criteria ask the plain model for {most} "
            f"({size['parameters']} parameters)."
        )
    part = metrics.get("subgroups")
    if part:
        found = [
            f"{row['column']} {row['group']}"
            for row in part["rows"]
            if any(row[key] is not None and row[key] <= 0.05 for key in ("p", "calibration_p"))
        ]
        said = (
            f"differs in {', '.join(found)}" if found else "nothing found to differ, which small groups do not exclude"
        )
        told.append(f"- Subgroups ({part['tests']} looks, corrected): {plain(said)}.")
    else:
        told.append("- Subgroups were not looked at (`evaluation.subgroups`).")
    sets = metrics.get("uncertainty")
    if sets and "coverage" in sets:  # times and grades may have firmness alone
        told.append(
            f"- Sets meant to hold {100 * sets['level']:.0f} % of patients' classes hold "
            f"{100 * sets['coverage']['value']:.1f} %; "
            f"one class is named for {100 * sets['decided']['value']:.1f} % of patients."
        )
    return "\n".join([*told, ""])
