"""Pictures: functions that take an `ax` and arrays already computed, and return what they drew.

The only part that imports matplotlib. Every distinction that a colour makes is made a second time,
by marker or dash. Nothing here calls `show`; only `page` saves.
"""

from .background import basins as basins
from .background import streamlines as streamlines
from .page import BLACK as BLACK
from .page import BLUE as BLUE
from .page import GREEN as GREEN
from .page import GREY as GREY
from .page import ORANGE as ORANGE
from .page import PURPLE as PURPLE
from .page import RED as RED
from .page import SKY as SKY
from .page import STYLE as STYLE
from .page import Values as Values
from .page import page as page
from .page import style as style
from .plane import exact_curves as exact_curves
from .plane import portrait as portrait
from .plane import trajectories as trajectories
from .settling import TIME as TIME
from .settling import layer_traces as layer_traces
from .settling import outputs as outputs
from .settling import phase_plane as phase_plane
from .settling import projection as projection
from .settling import residuals as residuals
from .settling import settle_overview as settle_overview
from .settling import spectrum as spectrum
from .space import portrait_3d as portrait_3d
