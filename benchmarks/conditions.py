"""Under what conditions the numbers were taken: machine, versions, images, methods."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import jax

from .peers import PEERS, Peer
from .problem import SIZES, images

Columns = Mapping[str, Callable[[dict], str]]
"""The cell of a row, by heading."""

PACKAGES = ("neurodyn", "diffrax", "equinox", "jax", "jaxlib", "numpy", "scipy")


def processor() -> str:
    """The name of the CPU, as far as the system tells it."""
    listing = Path("/proc/cpuinfo")  # Linux; platform.processor() is often empty there
    lines = listing.read_text().splitlines() if listing.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def markdown_table(columns: Columns, rows: list[dict], rule: str) -> list[str]:
    """The lines of a table: the headings, `rule` below them, and a line for each row."""
    lines = ["| " + " | ".join(columns) + " |", rule]
    return lines + [
        "| " + " | ".join(cell(row) for cell in columns.values()) + " |" for row in rows
    ]


def in_its_own_process(module: str, *options: str) -> dict:
    """What `python -m module options` prints as JSON, its peak of memory its own; a dot for it."""
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(".", end="", file=sys.stderr, flush=True)
    return json.loads(done.stdout)


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
