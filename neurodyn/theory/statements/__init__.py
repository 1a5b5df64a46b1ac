"""The claims of the papers, one file for a stretch of one paper; importing this registers them all.

The order is that of the papers, and of the places within each.
"""

# isort: off
from . import fadjoint_claims as fadjoint_claims
from . import fadjoint_flow_claims as fadjoint_flow_claims

from . import backprop_claims as backprop_claims
from . import lagrangian_claims as lagrangian_claims
from . import order_claims as order_claims
from . import relaxed_claims as relaxed_claims
from . import nudged_claims as nudged_claims
from . import lifted_claims as lifted_claims
from . import dyadic_claims as dyadic_claims
from . import structure_claims as structure_claims
from . import lipschitz_claims as lipschitz_claims

from . import target_claims as target_claims
from . import target_jacobian_claims as target_jacobian_claims
from . import target_map_claims as target_map_claims

from . import equilibrium_gradient_claims as equilibrium_gradient_claims
from . import equilibrium_descent_claims as equilibrium_descent_claims
from . import equilibrium_stability_claims as equilibrium_stability_claims
from . import equilibrium_nudge_claims as equilibrium_nudge_claims
from . import equilibrium_adjoint_claims as equilibrium_adjoint_claims
from . import equilibrium_practice_claims as equilibrium_practice_claims

from . import channel_claims as channel_claims
from . import channel_cost_claims as channel_cost_claims
from . import channel_fact_claims as channel_fact_claims
from . import polynomial_claims as polynomial_claims
from . import chain_claims as chain_claims
from . import chain_basin_claims as chain_basin_claims
from . import chain3_claims as chain3_claims
from . import chain_depth_claims as chain_depth_claims
from . import linear_claims as linear_claims
from . import compressive_claims as compressive_claims
from . import deep_linear_claims as deep_linear_claims
from . import three_layer_claims as three_layer_claims
from . import three_layer_limit_claims as three_layer_limit_claims
from . import fibre_claims as fibre_claims
from . import fibre_order_claims as fibre_order_claims
from . import discreteness_claims as discreteness_claims
from . import power_claims as power_claims
from . import power_variant_claims as power_variant_claims
# isort: on
