"""`neurodyn check` as a user meets it."""

import json

import pytest
from test_cli import run


def test_one_claim_as_json(capsys):
    code, out, _ = run(capsys, "check", "chain-kappa", "--json")
    (row,) = json.loads(out)
    assert code == 0 and row["verdict"] == "corrected" and row["printed"]["holds"] is False


def test_one_paper_with_its_corrections(capsys):
    code, out, _ = run(capsys, "check", "000", "--verbose")
    assert code == 0 and "17 claims" in out
    told = " ".join(out.split())
    assert "true:" in told and "why:" in told


@pytest.mark.parametrize(
    ("word", "sentence"),
    [("chain-kapa", "did you mean chain-kappa"), ("005", "unknown claim '005'")],
)
def test_unknown_claims_are_one_sentence(capsys, word, sentence):
    code, out, err = run(capsys, "check", word)
    assert code == 2 and not out and sentence in err and err.count("\n") == 1
