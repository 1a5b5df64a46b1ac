"""Equations typed as text, or given in SymPy, become a field."""

from .symbolic import SymbolicField as SymbolicField
from .symbolic import classic_field as classic_field
from .symbolic import field_from_sympy as field_from_sympy
from .symbolic import field_from_text as field_from_text
