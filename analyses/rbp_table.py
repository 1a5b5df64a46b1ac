"""Table 1 of paper 004 for MNIST: what is published, and what each entry means."""

import equinox as eqx
import jax
from rbp_runs import DECAY, RATE, Variant

import neurodyn as nd
from neurodyn.learning.channel import Channel
from neurodyn.learning.learner import FeedbackLearner
from neurodyn.learning.matrices import channel_of, sparse_channel

RULES = {"BP": "exact", "RBP": "random", "SRBP": "skipped"}


Accuracy = tuple[float, float | None]  # per cent, and its standard deviation if there is one


def row(*accuracy: Accuracy | float | None) -> dict[str, Accuracy]:
    """The entries of BP, RBP and SRBP by rule, without those that are None."""
    return {
        rule: entry if isinstance(entry, tuple) else (entry, None)
        for rule, entry in zip(RULES, accuracy, strict=True)
        if entry is not None
    }


TABLE = {
    "baseline": row((97.9, 0.1), (97.2, 0.1), (97.2, 0.2)),
    "top layer only": row((84.7, 0.7), None, None),
    "no f′": row((89.9, 0.3), (88.3, 1.1), (88.4, 0.7)),
    "sparse 8": row(None, (96.0, 0.4), (96.9, 0.1)),
    "sparse 2": row(None, (96.3, 0.5), (95.8, 0.2)),
    "sparse 1": row(None, (90.3, 1.1), (94.6, 0.6)),
    "adaptive": row(None, (97.3, 0.1), (97.3, 0.1)),
    "error 5 bit": row(97.6, 95.4, 95.1),
    "error 3 bit": row(96.5, 92.5, 93.2),
    "error 1 bit": row(94.6, 89.8, 91.6),
    "dropout 10 %": row(97.7, 96.5, 97.1),
    "dropout 20 %": row(97.8, 96.7, 97.2),
    "dropout 50 %": row(97.7, 96.7, 97.1),
    "update 5 bit": row(95.2, 94.0, 93.3),
    "update 3 bit": row(96.5, 91.0, 92.2),
    "update 1 bit": row(92.5, 9.6, 90.7),
}
READINGS = {  # of quantised updates, other than the printed one
    "signal": "what is quantised is the signal of each unit, after all of them came down",
    "step": "quantised after the rate, so that steps are multiples of α",
}
OTHERWISE = ("signal 5 bit", "signal 3 bit", "signal 1 bit", "step 3 bit", "step 1 bit")
WIDE = ("wide 5 bit", "RBP")  # the error quantised, and random matrices twice as wide
MISPRINTED = ("update 1 bit", "RBP")  # against the text beside the table
QUICK = {  # of the digits
    "baseline": ("BP", "RBP", "SRBP"),
    "top layer only": ("BP",),
    "sparse 8": ("SRBP",),
    "error 1 bit": ("SRBP",),
}


def variant(row: str, rule: str) -> Variant:
    """What an entry of the table means.

    Sparse random feedback is scaled down as [004 Fig 4] says that it must be. What one sample
    changes is quantised before the mean and the rate, synapse by synapse; in rows with "step" after
    the rate, so that steps are multiples of α; in rows with "signal" it is made with quantised
    signals, one for each unit.
    """
    feedback = RULES[rule]
    what, *number = row.split()
    if row == "top layer only":
        return Variant(feedback, shares=(0.0, 0.0, 0.0, 0.0, 1.0))
    if what == "sparse":
        n = int(number[0])
        weight = n**-0.5 if rule == "RBP" else 1.0
        return Variant(feedback, prepare=lambda p, key: sparse_channel(p, n, key, weight=weight))
    if what == "adaptive":  # [004 Fig 2]: RBP at a tenth of the rate
        rate = RATE / 10 if rule == "RBP" else RATE
        return Variant(feedback, FeedbackLearner(Channel(adaptive=True)), rate=rate)
    channels = {
        "baseline": lambda: Channel(),
        "no": lambda: Channel(derivative=False),
        "error": lambda: Channel(bits=int(number[0]), scale=2.0**-3),
        "wide": lambda: Channel(bits=int(number[0]), scale=2.0**-3),
        "dropout": lambda: Channel(dropout=int(number[0]) / 100),
        "update": lambda: Channel(update_bits=int(number[0]), update_scale=2.0**-6),
        "signal": lambda: Channel(
            update_bits=int(number[0]), update_scale=2.0**-6, update_of="signal"
        ),
        "step": lambda: Channel(update_bits=int(number[0]), update_scale=2.0**-6 / RATE),
    }
    decay = DECAY if what in ("baseline", "no", "dropout") else 0.0  # [004 Sec 5.2]
    prepare = _doubled if what == "wide" else None
    return Variant(feedback, FeedbackLearner(channels[what]()), prepare, decay=decay)


def _doubled(path: nd.Pathway, key: jax.Array) -> nd.Pathway:
    """The net with the matrices of its channel doubled."""
    return eqx.tree_at(channel_of, path, tuple(2 * matrix for matrix in channel_of(path)))


def entries(quick: bool) -> list[tuple[str, str]]:
    """Row and rule of every run, the most telling ones first."""
    if quick:
        return [(row, rule) for row, rules in QUICK.items() for rule in rules]
    table = [(row, rule) for row, rules in TABLE.items() for rule in rules]
    others = [(row, rule) for row in OTHERWISE for rule in RULES]
    return [*table, *others, WIDE]
