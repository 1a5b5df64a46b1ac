"""The register: verdicts follow from evidence, ids are unique, unknown ones get suggestions."""

import json

import pytest

from neurodyn.theory import Claim, Evidence, TheoryVerdict, check, claims, register
from neurodyn.theory.report import errata, to_markdown, to_rows

YES = Evidence(True, "symbolic identity")
NO = Evidence(False, "exact counter-example", values={"x": "1/2"})
MAYBE = Evidence(True, "finite differences", exact=False)
DOUBT = Evidence(False, "finite differences", exact=False)


def claim(printed, corrected=None, **more) -> Claim:
    fixed = None if corrected is None else lambda: corrected
    return Claim("a-claim", "004 Eq 1", "one | two", lambda: printed, fixed, **more)


@pytest.mark.parametrize(
    ("verdict", "made"),
    [
        (TheoryVerdict.PROVED, claim(YES)),
        (TheoryVerdict.SUPPORTED, claim(MAYBE)),
        (TheoryVerdict.REFUTED, claim(NO)),
        (TheoryVerdict.CORRECTED, claim(NO, YES)),
        (TheoryVerdict.PROVED_WITH_HYPOTHESIS, claim(NO, YES, hypothesis="x > 0")),
        (TheoryVerdict.SUPPORTED, claim(NO, MAYBE)),
        (TheoryVerdict.SUPPORTED, claim(DOUBT, YES)),
        (TheoryVerdict.BROKEN, claim(NO, NO)),
        (TheoryVerdict.BROKEN, claim(YES, YES)),  # nothing was wrong with the printed form
        (TheoryVerdict.BROKEN, claim(DOUBT)),  # floats alone refute nothing
    ],
)
def test_verdict_follows_from_the_evidence(verdict, made):
    assert check(made).verdict is verdict


def test_rows_and_pages():
    results = [check(claim(NO, YES, correction="three", reason="because"))]
    (row,) = json.loads(json.dumps(to_rows(results)))
    assert row["verdict"] == "corrected" and row["printed"]["values"] == {"x": "1/2"}
    assert "| one \\| two | corrected |" in to_markdown(results)
    page = errata(results)
    assert "**True:** three" in page and "x = 1/2" in page and "**Why:** because" in page


def test_ids_are_unique():
    first = claims()[0]
    with pytest.raises(ValueError, match="already"):
        register(first)


def test_unknown_claims_get_near_matches():
    with pytest.raises(ValueError, match=r"unknown claim 'chain-kapa': did you mean"):
        claims("chain-kapa")
    with pytest.raises(ValueError, match="papers: 000, 001, 002, 003, 004"):
        claims("zzz")


def test_there_are_enough_and_each_says_what_is_wrong():
    every = claims()
    assert len(every) >= 100
    assert {c.paper for c in every} == {"000", "001", "002", "003", "004"}
    for c in every:
        assert "\n" not in c.statement + c.correction + c.hypothesis + c.reason, c.id
        if c.corrected is not None:
            assert (c.correction or c.hypothesis) and c.reason, c.id


def test_no_check_of_the_default_run_fails():
    results = [check(c) for c in claims() if not c.slow]
    assert not [r.claim.id for r in results if r.verdict is TheoryVerdict.BROKEN]
    assert sum(r.seconds for r in results) < 180


@pytest.mark.slow
def test_no_slow_check_fails():
    results = [check(c) for c in claims() if c.slow]
    assert not [r.claim.id for r in results if r.verdict is TheoryVerdict.BROKEN]


def test_errata_and_verdicts_are_computed_and_not_written_down():
    # the same claim with its corrected form fed as the printed one comes out proved
    for c in [c for c in claims() if c.corrected is not None and not c.slow][:10]:
        swapped = Claim(c.id, c.source, c.statement, c.corrected)
        assert check(swapped).verdict in (TheoryVerdict.PROVED, TheoryVerdict.SUPPORTED)
