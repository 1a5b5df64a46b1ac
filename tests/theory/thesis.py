"""The golden numbers of paper 001, and how its test files compare with them."""

import json
from pathlib import Path

import numpy as np
import sympy as sp

GOLDEN = json.loads((Path(__file__).parent / "golden_001.json").read_text(encoding="utf-8"))


def close(got, case, key):
    expected = np.asarray(GOLDEN[case]["expected"][key], float)
    got = np.asarray(got, float).reshape(expected.shape)
    return np.all(np.abs(got - expected) <= GOLDEN[case]["tolerance"] * (1 + np.abs(expected)))


def rationals(rows):
    return sp.Matrix(rows).applyfunc(lambda v: sp.Rational(str(v)))
