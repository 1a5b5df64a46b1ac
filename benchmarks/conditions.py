"""Under what conditions the numbers were taken: machine, versions, images, methods."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import jax

from .peers import PEERS, Peer
from .problem import SIZES, images

PACKAGES = ("neurodyn", "diffrax", "equinox", "jax", "jaxlib", "numpy", "scipy")


def processor() -> str:
    """The name of the CPU, as far as the system tells it."""
    listing = Path("/proc/cpuinfo")  # Linux; platform.processor() is often empty there
    lines = listing.read_text().splitlines() if listing.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def conditions(samples: int) -> dict[str, str]:
    """What a reader needs to know to judge the numbers."""
    return {
        "network": "-".join(map(str, SIZES)) + ", untied Glorot weights, key 0, from rest",
        "images": images(samples)[1],
        "machine": f"{processor()}, {os.cpu_count()} cores, JAX on {jax.default_backend()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + f", Python {platform.python_version()}",
        "columns": "milliseconds per sample, median of the rounds, in which the methods take "
        "turns; evaluations of μ by the slowest sample; largest true residual max |μ|, in float64; "
        "samples within the tolerance (and 16 units of rounding), of those run; seconds of "
        "compiling, not in the milliseconds; of the settings tried, the fastest among those that "
        "settle the most samples",
    } | {peer.name: peer.note + tried(peer) for peer in PEERS}


def tried(peer: Peer) -> str:
    return f"; {len(peer.settings)} settings tried" if len(peer.settings) > 1 else ""
