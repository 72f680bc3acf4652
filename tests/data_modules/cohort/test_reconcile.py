from __future__ import annotations

import pytest
import yaml

from data_modules.errors import CohortError
from data_modules.modalities.tables.table import Table

ALL = [f"P{number:02d}" for number in range(1, 11)]


def text_of(source, modalities, **options):
    with pytest.raises(CohortError) as caught:
        source.reconcile(modalities, **options)
    return str(caught.value)


def test_everyone_is_accounted_for(cohort, named):
    cohort.treatment[1] = "P01\tcarboplatin\tNot Reported"
    cohort.treatment[2] = "P02\tcarboplatin\tNE"
    del cohort.treatment[10]  # P10
    source = cohort.source(max_unmatched=1.0)
    kept = source.reconcile({"slides": named(source, [*ALL[:8], "P11"])})
    assert kept.patient_ids == ("P03", "P04", "P05", "P06", "P07", "P08")
    assert kept.labels.to_dict() == {"P03": 1, "P04": 1, "P05": 0, "P06": 0, "P07": 0, "P08": 0}
    assert kept.sites.to_dict() == {f"P{number:02d}": f"S{number % 2}" for number in range(3, 9)}
    table = kept.reconciliation.set_index("patient_id")
    assert list(table.columns) == ["kept", "dropped_at", "reason", "clinical.tsv", "treatment.tsv", "slides"]
    reasons = table.loc[~table["kept"], ["dropped_at", "reason"]].apply(tuple, axis=1).to_dict()
    assert reasons == {
        "P01": ("endpoint", "outcome is missing in treatment.tsv"),
        "P02": ("endpoint", "outcome is 'NE', which cohort.endpoints.response.ignore lists"),
        "P09": ("modalities", "in none of slides"),
        "P10": ("endpoint", "no row in treatment.tsv"),
        "P11": ("endpoint", "no row in treatment.tsv"),
    }
    assert table.loc["P11", ["clinical.tsv", "treatment.tsv", "slides"]].to_list() == [False, False, True]
    assert kept.spec.patients == 6
    assert kept.spec.simulated is False
    assert set(kept.spec.hashes) == {"clinical.tsv", "treatment.tsv"}


def test_required_modalities_are_for_training_only(cohort, named):
    source = cohort.source(require=["slides"], max_unmatched=1.0)
    modalities = {
        "slides": named(source, ALL[:7]),
        "clinical": Table(name="clinical", source=source, table="clinical"),
    }
    kept = source.reconcile(modalities)
    assert kept.patient_ids == tuple(ALL[:7])
    table = kept.reconciliation.set_index("patient_id")
    assert table.loc["P08", ["dropped_at", "reason"]].to_list() == [
        "modalities",
        "not in slides, which cohort.require names",
    ]
    assert source.reconcile(modalities, require_labels=False).patient_ids == tuple(ALL)
    source = cohort.source(require=["slides", "scans"], max_unmatched=1.0)
    both = {"slides": named(source, ALL[:7]), "scans": named(source, ALL[:6])}
    reasons = source.reconcile(both).reconciliation.set_index("patient_id")["reason"]
    assert reasons[ALL[6]] == "not in scans, which cohort.require names"
    assert reasons[ALL[7]] == "not in slides, which cohort.require names", "the first reason stays"
    source = cohort.source(require=["scans"])
    assert "cohort.require names scans, which is no modality" in text_of(source, {"slides": named(source, ALL)})


def test_row_order_changes_nothing(cohort, named):
    source = cohort.source()
    before = source.reconcile({"slides": named(source, ALL)})
    cohort.clinical[1:], cohort.treatment[1:] = cohort.clinical[:0:-1], cohort.treatment[:0:-1]
    source = cohort.source()
    after = source.reconcile({"slides": named(source, ALL)})
    assert before.patient_ids == after.patient_ids
    assert before.labels.equals(after.labels)
    assert before.reconciliation.equals(after.reconciliation)


def test_all_problems_at_once(cohort, named):
    cohort.clinical[1] = "P01\tforty\tG1\tbasal\tS1\tR0\tx"
    cohort.clinical.append(cohort.clinical[2])
    cohort.treatment[4] = "P04\tcarboplatin\tCured"
    source = cohort.source()
    modalities = {
        "slides": named(source, ALL, problems=["modality.slides: P03.tif does not open. Download it again."]),
        "clinical": Table(name="clinical", source=source, table="clinical", columns=["age", "margin"]),
    }
    text = text_of(source, modalities)
    assert "cohort 'invented' has 5 problems:" in text
    assert "row 2: 'forty'" in text
    assert "P02 (rows 3, 12, identical)" in text
    assert "(1: P04, row 5: 'Cured')" in text
    assert "a class or to ignore of cohort.endpoints.response" in text
    assert "P03.tif does not open" in text
    assert "'margin' of table 'clinical' cannot be an input. It is known only after baseline" in text


def test_labels_that_a_spreadsheet_wrote(cohort, named):
    codes = {"CR": "1.0", "PD": "0.0"}
    cohort.treatment = [cohort.treatment[0]] + [
        "\t".join([*line.split("\t")[:-1], codes[line.split("\t")[-1]]]) for line in cohort.treatment[1:]
    ]
    facts = {"table": "treatment", "column": "outcome", "positive": [1], "negative": [0]}
    source = cohort.source(endpoints={"response": facts})
    assert source.reconcile({"slides": named(source, ALL)}).labels.sum() == 4


def test_one_class_only(cohort, named):
    cohort.treatment = [line.replace("PD", "CR") for line in cohort.treatment]
    source = cohort.source()
    assert "all 10 labelled patients are of one class, 'response'" in text_of(source, {"slides": named(source, ALL)})


def test_ids_that_are_nowhere_else(cohort, named):
    source = cohort.source()
    text = text_of(source, {"slides": named(source, [*ALL, "P98", "P99"])})
    assert "17% of the patients of slides are in no other file (2: P98, P99)" in text
    assert "cohort.max_unmatched=0.1" in text
    assert source.reconcile({"slides": named(source, [*ALL, "P99"])}).spec.patients == 10


def test_ids_in_two_spellings_are_refused_unless_they_are_declared_distinct(cohort, named):
    cohort.clinical.append("p1\t50\tG1\tbasal\tS0\tR0\tx")
    source = cohort.source()
    text = text_of(source, {"slides": named(source, ALL)})
    assert "(1: 'P01' (clinical.tsv) and 'p1' (clinical.tsv))" in text
    source = cohort.source(ids_alike="distinct")
    assert source.reconcile({"slides": named(source, ALL)}).spec.patients == 10
    with pytest.raises(CohortError, match=r"cohort\.ids_alike is 'same'\. Set it to refuse or distinct"):
        cohort.source(ids_alike="same")


def test_a_modality_over_a_table_is_no_witness_of_its_ids(cohort):
    cohort.clinical += [f"Q{number}\t50\tG1\tbasal\tS0\tR0\tx" for number in range(5)]
    source = cohort.source()
    text = text_of(source, {"clinical": Table(name="clinical", source=source, table="clinical")})
    assert "33% of the patients of clinical.tsv are in no other file" in text


def test_no_overlap_at_all(cohort, named):
    source = cohort.source()
    text = text_of(source, {"slides": named(source, ["TUMOUR_P01", "TUMOUR_P02"])})
    assert "no patient of slides is in any other file (2: TUMOUR_P01, TUMOUR_P02)" in text
    assert "patient_pattern (modality.slides)" in text


@pytest.mark.parametrize(("positive", "negative"), [("yes", "no"), ("On", "Off"), ("true", "false")])
def test_labels_that_yaml_takes_for_booleans(cohort, named, positive, negative):
    cohort.treatment = [line.replace("PD", negative).replace("CR", positive) for line in cohort.treatment]
    endpoint = cohort.settings["endpoints"]["response"]
    endpoint |= yaml.safe_load(f"{{positive: [{positive}], negative: [{negative}]}}")
    source = cohort.source()
    text = text_of(source, {"slides": named(source, ALL)})
    words = " and ".join(sorted([negative, positive]))
    assert f"YAML takes {words} without quotes for true or false: quote them in cohort.endpoints.response" in text
    mend = text[text.index("e.g. ") + 5 :].splitlines()[0]
    assert mend == f"positive: [{positive!r}]"
    # The mend, as the message writes it.
    endpoint |= {**yaml.safe_load(mend), **yaml.safe_load(f"negative: [{negative!r}]")}
    source = cohort.source()
    assert source.reconcile({"slides": named(source, ALL)}).labels.sum() == 4


def test_levels_that_yaml_takes_for_booleans(cohort, named):
    cohort.clinical = [line.replace("luminal", "No").replace("basal", "Yes") for line in cohort.clinical]
    subtype = cohort.settings["tables"]["clinical"]["columns"]["subtype"]
    subtype |= yaml.safe_load("levels: [No, Yes]")
    source = cohort.source()
    text = text_of(source, {"slides": named(source, ALL)})
    assert "YAML takes No and Yes without quotes for true or false" in text
    assert "quote them in cohort.tables.clinical.columns.subtype, e.g. levels: ['Yes']" in text
    subtype |= yaml.safe_load("levels: ['No', 'Yes']")
    source = cohort.source()
    assert source.reconcile({"slides": named(source, ALL)}).spec.patients == 10
    subtype |= {"levels": ["No", "Perhaps"]}
    source = cohort.source()
    text = text_of(source, {"slides": named(source, ALL)})
    assert "add them to cohort.tables.clinical.columns.subtype.levels" in text


def test_labels_of_which_quotes_mend_only_some(cohort, named):
    cohort.treatment = [line.replace("PD", "no").replace("CR", "yes") for line in cohort.treatment]
    cohort.treatment[1] = "P01\tcarboplatin\tnever"
    cohort.settings["endpoints"]["response"] |= {"positive": [True], "negative": [False]}
    source = cohort.source()
    text = text_of(source, {"slides": named(source, ALL)})
    assert "positive: ['yes']. Mend 'never', or add them" in text
    # Of the two booleans one was listed: only its words need quotes.
    cohort.treatment = [line.replace("no", "off").replace("yes", "on") for line in cohort.treatment]
    cohort.settings["endpoints"]["response"] |= {"positive": ["never"], "negative": [False]}
    source = cohort.source()
    assert "YAML takes off without quotes" in text_of(source, {"slides": named(source, ALL)})
    # Words that are declared as they stand need no quotes; what is no label is another matter.
    cohort.settings["endpoints"]["response"] |= {"positive": ["on"], "negative": ["never"]}
    source = cohort.source()
    assert "YAML" not in text_of(source, {"slides": named(source, ALL)})


def test_ids_of_another_kind(cohort, named):
    source = cohort.source(patients_pattern=r"P\d\d")
    text = text_of(source, {"slides": named(source, [*ALL, "TCGA-A1-0001"])})
    assert "slides has ids that do not match 'P\\\\d\\\\d' (1: TCGA-A1-0001)" in text


def test_nobody_left(cohort, named):
    cohort.treatment = [line.replace("PD", "NE").replace("CR", "NE") for line in cohort.treatment]
    source = cohort.source()
    assert "no patient is left" in text_of(source, {"slides": named(source, ALL)})


def test_new_patients_without_labels(cohort, named):
    cohort.treatment = [cohort.treatment[0], "P01\tcarboplatin\tCR", "P02\tcarboplatin\t"]
    source = cohort.source(max_unmatched=1.0)
    kept = source.reconcile({"slides": named(source, ALL[:3])}, require_labels=False)
    assert kept.labels.to_dict() == {"P01": 1, "P02": -1, "P03": -1}


def test_new_patients_without_outcome_column_or_later_columns(cohort, named):
    cohort.treatment = ["case_submitter_id\tagent", *(f"{patient}\tcarboplatin" for patient in ALL)]
    cohort.clinical = [line.rsplit("\t", 2)[0] for line in cohort.clinical]
    source = cohort.source()
    kept = source.reconcile({"slides": named(source, ALL)}, require_labels=False)
    assert set(kept.labels) == {-1}
    text = text_of(source, {"slides": named(source, ALL)})
    assert "no column 'outcome'" in text
    assert "no column 'margin'" in text


def test_new_patients_without_the_outcome_table(cohort, named):
    del cohort.settings["tables"]["treatment"]["columns"]["agent"]
    source = cohort.source()
    (cohort.root / "treatment.tsv").unlink()
    kept = source.reconcile({"slides": named(source, ALL)}, require_labels=False)
    assert set(kept.labels) == {-1}
    assert "there is no file" in text_of(source, {"slides": named(source, ALL)})


def test_numeric_labels_match_a_yaml_list(cohort, named):
    cohort.settings["tables"]["treatment"]["columns"]["outcome"] = {"time": "outcome", "kind": "number"}
    cohort.settings["endpoints"]["response"] |= {"positive": [1], "negative": [0], "ignore": []}
    cohort.treatment = [line.replace("CR", "1").replace("PD", "0") for line in cohort.treatment]
    source = cohort.source()
    assert source.reconcile({"slides": named(source, ALL)}).labels.sum() == 4


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["outcome"], "'outcome' of table 'treatment' cannot be an input. It is the endpoint 'response'"),
        (["weight"], "It is not declared; declare it with its time point in cohort.tables.treatment.columns"),
    ],
)
def test_inputs_that_are_refused(cohort, columns, message):
    source = cohort.source()
    assert message in Table(name="drugs", source=source, table="treatment", columns=columns).check()[0]
    with pytest.raises(CohortError, match=r"modality\.drugs\.columns"):
        Table(name="drugs", source=source, table="treatment", columns=columns).fit(ALL, None)


def test_inputs_by_default_are_baseline_without_endpoint_and_site(cohort):
    columns, problems = cohort.source().inputs("clinical", None, key="modality.clinical")
    assert [column.name for column in columns] == ["age", "grade", "subtype"]
    assert problems == []
    assert "cohort.tables does not declare" in str(cohort.source().inputs("labs", None, key="modality.x")[1][0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"endpoint": "survival"}, "endpoint 'survival' is not declared. Set endpoint to one of response"),
        ({"endpoints": {}}, "no endpoint is declared"),
        (
            {"endpoints": {"r": {"table": "treatment", "column": "outcome", "positive": ["CR"]}}},
            "lacks positive or negative",
        ),
        (
            {"endpoints": {"r": {"table": "labs", "column": "x", "positive": [1], "negative": [0]}}},
            "cohort.endpoints.r.table is 'labs'",
        ),
        (
            {"endpoints": {"r": {"table": "treatment", "column": "best", "positive": [1], "negative": [0]}}},
            "cohort.endpoints.r.column 'best' is not declared",
        ),
        (
            {"endpoints": {"r": {"table": "treatment", "column": "outcome", "classes": {False: ["PD"], True: ["CR"]}}}},
            "a class is called False, True, as YAML takes yes, no, on and off for true and false. Quote the words",
        ),
        (
            {"endpoints": {"r": {"table": "treatment", "column": "outcome", "positive": [1], "negative": [1]}}},
            "1 is both positive and negative",
        ),
        ({"site": {"table": "clinical", "column": "hospital"}}, "cohort.site.column 'hospital' is not declared"),
        ({"absent_is": "wildtype"}, "Set it to reference or unknown"),
        ({"max_unmatched": 1.5}, "cohort.max_unmatched is 1.5. A share is 0 to 1"),
        ({"site": "hospital"}, "cohort.site is 'hospital'. Set it to {table: …, column: …}"),
        ({"group": {"table": "clinical"}}, "cohort.group is {'table': 'clinical'}. Set it to"),
        ({"root": None}, "cohort.root is null"),
    ],
)
def test_declarations_that_contradict(cohort, change, message):
    with pytest.raises(CohortError, match=message.replace(".", r"\.")):
        cohort.source(**change)


def test_stamp_makes_a_cohort_simulated(cohort, named):
    (cohort.root / "SIMULATED.json").write_text("{}")
    source = cohort.source(simulated=False)
    kept = source.reconcile({"slides": named(source, ALL)})
    assert kept.spec.simulated
    assert "SIMULATED.json" in kept.spec.hashes


@pytest.fixture
def failing(named, monkeypatch):
    def make(source, patients):
        modality = named(source, patients)
        monkeypatch.setattr(type(modality), "failed", property(lambda self: LOST), raising=True)
        return modality

    return make


LOST = {"P03": "P03.tif breaks off", "P04": "P04.tif shows no tissue", "P99": "of nobody here"}


def test_who_failed_in_ingest_lacks_a_required_modality(cohort, failing):
    source = cohort.source(require=["slides"], max_unmatched=1.0)
    modalities = {
        "slides": failing(source, ALL[:7]),
        "clinical": Table(name="clinical", source=source, table="clinical"),
    }
    kept = source.reconcile(modalities)
    assert kept.patient_ids == ("P01", "P02", "P05", "P06", "P07")
    assert kept.spec.patients == 5
    table = kept.reconciliation.set_index("patient_id")
    assert table.loc["P03", ["kept", "dropped_at", "reason", "slides", "clinical"]].to_list() == [
        False,
        "modalities",
        "not in slides, which cohort.require names; slides failed in ingest (P03.tif breaks off)",
        False,
        True,
    ]
    assert table.loc["P08", "reason"] == "not in slides, which cohort.require names"
    assert kept.notes == (
        "modality.slides: nothing of 2 patients could be used, who count as lacking it "
        "(P03: P03.tif breaks off, P04: P04.tif shows no tissue)",
    )


def test_who_failed_in_ingest_stays_where_another_modality_is_left(cohort, failing):
    source = cohort.source(max_unmatched=1.0)
    both = {
        "slides": failing(source, ALL),
        "clinical": Table(name="clinical", source=source, table="clinical"),
    }
    kept = source.reconcile(both)
    assert kept.patient_ids == tuple(ALL)
    row = kept.reconciliation.set_index("patient_id").loc["P04"]
    assert row[["kept", "dropped_at", "reason", "slides"]].to_list() == [
        True,
        "",
        "slides failed in ingest (P04.tif shows no tissue)",
        False,
    ]
    alone = source.reconcile({"slides": failing(source, ALL)})
    assert alone.patient_ids == ("P01", "P02", *ALL[4:])
    row = alone.reconciliation.set_index("patient_id").loc["P04"]
    assert row[["kept", "dropped_at", "reason"]].to_list() == [
        False,
        "modalities",
        "in none of slides; slides failed in ingest (P04.tif shows no tissue)",
    ]
    assert alone.patient_ids == source.reconcile({"slides": failing(source, ALL)}, require_labels=False).patient_ids


def test_why_there_is_no_label_comes_before_what_failed(cohort, failing):
    cohort.treatment[3] = "P03\tcarboplatin\tNE"
    source = cohort.source(max_unmatched=1.0)
    row = source.reconcile({"slides": failing(source, ALL)}).reconciliation.set_index("patient_id").loc["P03"]
    assert row["reason"] == "outcome is 'NE', which cohort.endpoints.response.ignore lists"
