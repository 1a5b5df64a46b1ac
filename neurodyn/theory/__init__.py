"""The theorems of the papers, checked by machine: SymPy alone, no JAX, nothing else of neurodyn.

The files here hold what the statements are about; those in `statements` hold the claims.
"""

from . import statements as statements
from .chain import Chain as Chain
from .chain import ChainLimit as ChainLimit
from .claim import Claim as Claim
from .claim import Evidence as Evidence
from .claim import Result as Result
from .claim import TheoryVerdict as TheoryVerdict
from .claim import check as check
from .claim import claims as claims
from .claim import register as register
from .dyadic import Dyadic as Dyadic
from .dyadic import w_lambda as w_lambda
from .equilibrium import FixedPointSystem as FixedPointSystem
from .linear import Compressive as Compressive
from .linear import CompressiveLimit as CompressiveLimit
from .linear import Expansive as Expansive
from .linear import ExpansiveLimit as ExpansiveLimit
from .polynomial import FlowLimit as FlowLimit
from .polynomial import PolynomialFlow as PolynomialFlow
from .power import PowerChain as PowerChain
from .power import PowerLimit as PowerLimit
from .three_layer import ThreeLayer as ThreeLayer
