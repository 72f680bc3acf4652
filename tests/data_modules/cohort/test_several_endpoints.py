"""Several endpoints of one cohort: declared, read, who is kept and who trains alone, and folds that spread both."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from data_modules.errors import CohortError
from data_modules.folds.draw import make_folds
from fusion.contract import EndpointSpec, Secondary
from tests.helpers.folds import make_cohort

ALL = [f"P{number:02d}" for number in range(1, 11)]
RESPONSE = {"table": "treatment", "column": "outcome", "positive": ["CR"], "negative": ["PD"], "ignore": ["NE"]}
GRADE = {"table": "treatment", "column": "burden", "kind": "ordinal", "classes": {"0": ["0"], "I": ["I"], "II": ["II"]}}
PFS = {
    "table": "treatment", "kind": "survival", "time": "months", "event": "died", "event_values": ["dead"],
    "censored_values": ["alive"],
}  # fmt: skip


@pytest.fixture
def several(cohort):
    """P01 to P04 respond; burdens go round 0, I, II; the odd ones died after as many months."""
    cohort.treatment[0] += "\tburden\tmonths\tdied"
    for number in range(1, 11):
        burden = ("0", "I", "II")[number % 3]
        cohort.treatment[number] += f"\t{burden}\t{number}\t{'dead' if number % 2 else 'alive'}"
    columns = cohort.settings["tables"]["treatment"]["columns"]
    columns |= {"burden": {"time": "outcome"}, "died": {"time": "outcome"}}
    columns["months"] = {"time": "outcome", "kind": "number", "unit": "months"}
    cohort.settings["endpoints"] = {"response": dict(RESPONSE), "rcb": dict(GRADE), "pfs": dict(PFS)}
    return cohort


def put(cohort, patient: int, **values: str) -> None:
    names, cells = cohort.treatment[0].split("\t"), cohort.treatment[patient].split("\t")
    cohort.treatment[patient] = "\t".join(values.get(name, cell) for name, cell in zip(names, cells, strict=True))


def reconciled(cohort, named, **changes):
    source = cohort.source(**changes)
    return source.reconcile({"slides": named(source, ALL)})


def test_the_first_is_primary_and_who_lacks_its_label_trains_alone(several, named):
    put(several, 2, outcome="")  # burden II
    put(several, 5, burden="")
    put(several, 6, outcome="NE", burden="", died="alive", months="")  # not known by any
    put(several, 7, months="", died="alive")
    kept = reconciled(several, named, endpoint=["response", "rcb", "pfs"])
    assert kept.patient_ids == tuple(one for one in ALL if one not in ("P02", "P06"))
    assert kept.alone == ("P02",)
    assert kept.spec.endpoint.name == "response" and [one.name for one in kept.spec.secondary] == ["rcb", "pfs"]
    rcb, pfs = kept.secondary["rcb"], kept.secondary["pfs"]
    order = [*kept.patient_ids, "P02"]
    assert list(rcb.labels.index) == order == list(pfs.labels.index) == list(kept.sites.index)
    assert rcb.labels.to_dict() == {one: -1 if one == "P05" else int(one[1:]) % 3 for one in order}
    assert rcb.times is None and rcb.known == set(order) - {"P05"}
    assert pfs.labels["P07"] == -1 and pfs.times.drop("P07").to_dict() == {
        one: float(one[1:]) for one in order if one != "P07"
    }
    assert pfs.endpoint.unit == "months"
    reasons = kept.reconciliation.set_index("patient_id")
    assert reasons.loc["P02", "reason"] == "outcome is missing in treatment.tsv; trains rcb and pfs and is never tested"
    assert not reasons.loc["P02", "kept"] and reasons.loc["P06", "reason"].endswith("ignore lists")


def test_one_endpoint_reads_as_ever(several, named):
    put(several, 2, outcome="", burden="III")  # what is no grade matters to nobody who does not ask
    for asked in ("response", ["response"], None):
        kept = reconciled(several, named, endpoint=asked)
        assert (kept.alone, dict(kept.secondary), kept.spec.secondary) == ((), {}, ())
        assert len(kept.sites) == len(kept.patient_ids) == 9


def test_a_list_that_cannot_be_is_refused(several, named):
    for asked, words in (
        (["response", "response"], "endpoint is ['response', 'response']"),
        ([], "endpoint is []"),
        (["response", "os"], "'os' is not declared"),
    ):
        with pytest.raises(CohortError) as caught:
            reconciled(several, named, endpoint=asked)
        assert words in str(caught.value)
    put(several, 3, burden="III")
    with pytest.raises(CohortError, match="values that are no label of endpoint 'rcb'"):
        reconciled(several, named, endpoint=["response", "rcb"])
    put(several, 3, burden="")
    for number in (6, 9):
        put(several, number, burden="")
    with pytest.raises(CohortError, match="with the endpoint 'rcb' is '0'"):
        reconciled(several, named, endpoint=["response", "rcb"])


def test_no_endpoint_is_an_input_and_who_lacks_what_is_required_trains_nothing(several, named):
    put(several, 2, outcome="")
    source = several.source(endpoint=["response", "rcb"], require=["slides"])
    _, problems = source.inputs("treatment", ["burden"], key="modality.treatment")
    assert "is the endpoint 'rcb'" in str(problems[0])
    kept = source.reconcile({"slides": named(source, [one for one in ALL if one != "P02"])})
    assert kept.alone == ()


def test_new_patients_may_have_labels_of_any_endpoint_or_none(several, named):
    """Nobody trains, so that nobody is left out; an endpoint of which nobody is labelled is no problem."""
    put(several, 2, outcome="")
    put(several, 5, burden="")
    for number in (6, 9):
        put(several, number, burden="", months="", died="")
    source = several.source(endpoint=["response", "rcb", "pfs"])
    kept = source.reconcile({"slides": named(source, ALL)}, require_labels=False)
    assert kept.patient_ids == tuple(ALL) and kept.alone == ()
    rcb, pfs = kept.secondary["rcb"], kept.secondary["pfs"]
    assert {one for one in ALL if rcb.labels[one] < 0} == {"P05", "P06", "P09"}
    assert pfs.times is not None and pfs.times.isna().sum() == 2 and pfs.labels["P06"] == -1
    assert kept.reconciliation["kept"].all()


def test_a_canary_knows_no_secondary_endpoint(several, named):
    put(several, 2, outcome="")
    dealt = reconciled(several, named, endpoint=["response", "rcb"]).permuted(3)
    assert (dict(dealt.secondary), dealt.alone, dealt.spec.secondary) == ({}, (), ())


def test_folds_spread_secondary_classes_within_primary_ones():
    """Of 8 responders 4 are of each class, of 12 others 8 and 4: every one of four folds has a quarter of each."""
    labels, burdens = [1] * 8 + [0] * 12, [0, 1] * 4 + [0, 0, 1] * 4
    invented = make_cohort(labels)
    rcb = Secondary(
        endpoint=EndpointSpec(name="rcb", kind="binary", classes=("0", "I")),
        labels=pd.Series(burdens, index=invented.labels.index),
    )
    invented.secondary = {"rcb": rcb}
    for seed in range(5):
        for fold in make_folds(invented, outer=4, inner=2, seed=seed):
            cells = Counter((int(invented.labels[one]), int(rcb.labels[one])) for one in fold.test)
            assert cells == {(1, 0): 1, (1, 1): 1, (0, 0): 2, (0, 1): 1}
