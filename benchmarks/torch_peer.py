"""The same nets in PyTorch, by a Python of its own that has it: `PYTHON torch_peer.py THREADS`.

It needs torch and NumPy, and neither JAX nor neurodyn. Every line on its stdin asks for one thing
as JSON, and is answered by one line on stdout: `load` reads a net and its inputs from an .npz,
`settle` and `learn` run once, tell their seconds and save where they ended, for others to judge.

Layers that do not hear each other stand side by side in one array, so that an evaluation of
μ(s) = target(s) − s is two products whatever the number of layers, as in the fastest loop that we
know to write. Weights are transposed when they are loaded, buffers are there before the clock runs,
and no graph is recorded.
"""

# pyright: reportMissingImports=false

import importlib.util
import itertools
import json
import sys
import time

import numpy as np
import torch

MOST, MOST_IN_A_PHASE = 5000, 1000
"""Evaluations after which a loop gives up."""


def rate_of(name):
    """ρ, written to `out`."""
    if name == "tanh":
        return lambda s, out=None: torch.tanh(s, out=out)
    return lambda s, out=None: torch.clamp(s, 0, 1, out=out)


class Net:
    """A layered net and a batch of inputs; the states of its even and of its odd layers.

    `to_even` leads from the rates of the odd layers to the even ones, and `to_odd` back.
    """

    def __init__(self, file):
        with np.load(file) as given:
            arrays = dict(given)
        forward = [arrays[f"forward_{k}"] for k in range(int(arrays["layers"]))]
        self.sizes = [len(w) for w in forward]
        ends = np.cumsum([0, *self.sizes])
        parts = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
        full = np.zeros((ends[-1], ends[-1]), forward[0].dtype)
        for k in range(len(parts) - 1):
            full[np.ix_(parts[k + 1], parts[k])] = forward[k + 1]
            full[np.ix_(parts[k], parts[k + 1])] = arrays[f"feedback_{k}"]
        even, odd = np.concatenate(parts[0::2]), np.concatenate(parts[1::2])
        self.to_even = torch.from_numpy(full[np.ix_(even, odd)].T.copy())
        self.to_odd = torch.from_numpy(full[np.ix_(odd, even)].T.copy())
        self.entry = torch.from_numpy(forward[0].T.copy())
        self.below = torch.from_numpy(arrays["below"])  # what the first weights are applied to
        self.y = torch.from_numpy(arrays["y"]) if "y" in arrays else None
        self.rate = rate_of(str(arrays["activation"]))
        self.tol = float(arrays["tol"])
        shapes = (len(self.below), len(even)), (len(self.below), len(odd))
        self.buffers = [torch.zeros(shape, dtype=self.entry.dtype) for shape in 4 * shapes]

    def drive(self):
        """What the inputs add to the even layers: to the first of them."""
        whole = torch.zeros_like(self.buffers[0])
        whole[:, : self.sizes[0]] = self.below @ self.entry
        return whole

    def targets(self, a, b, drive):
        """Where the even and the odd layers are drawn to: μ + s."""
        return torch.addmm(drive, self.rate(b), self.to_even), self.rate(a) @ self.to_odd

    def layers(self, a, b):
        """The state as one array for each layer."""
        parts = [None] * len(self.sizes)
        parts[0::2] = a.split(self.sizes[0::2], 1)
        parts[1::2] = b.split(self.sizes[1::2], 1)
        return parts


def largest(a, b, out):
    """max |a − b|."""
    low, high = torch.sub(a, b, out=out).aminmax()
    return max(-low.item(), high.item())


def euler(net, step, check):
    """Fixed steps until max |μ| ≤ tol for all, which is looked at every `check` steps."""
    a, b, to_a, to_b, rate_a, rate_b, off_a, off_b = net.buffers
    a.zero_()
    b.zero_()
    drive, count = net.drive(), 0
    while (count := count + 1) < MOST:
        torch.addmm(drive, net.rate(b, out=rate_b), net.to_even, out=to_a)
        torch.mm(net.rate(a, out=rate_a), net.to_odd, out=to_b)
        if (
            count % check == 0
            and largest(to_a, a, off_a) <= net.tol
            and largest(to_b, b, off_b) <= net.tol
        ):
            break
        a.lerp_(to_a, step)
        b.lerp_(to_b, step)
    return net.layers(a, b), count


def dropping(net, step, check):
    """The same, but samples that are there leave the batch."""
    drive, count = net.drive(), 0
    a, b = (torch.zeros_like(buffer) for buffer in net.buffers[:2])
    ends, rows = (a.clone(), b.clone()), torch.arange(len(a))
    while (count := count + 1) < MOST:
        to_a, to_b = net.targets(a, b, drive)
        if count % check == 0:
            off = [(to - s).abs_().amax(1) for to, s in ((to_a, a), (to_b, b))]
            moving = torch.maximum(*off) > net.tol
            if not moving.all():
                for end, state in zip(ends, (a, b), strict=True):
                    end[rows[~moving]] = state[~moving]
                a, b, to_a, to_b, drive = (s[moving] for s in (a, b, to_a, to_b, drive))
                rows = rows[moving]
                if not len(rows):
                    break
        a.lerp_(to_a, step)
        b.lerp_(to_b, step)
    return net.layers(*ends), count


def torchdeq(net, solver, times):
    """torchdeq's solver; its stop is on the 2-norm, so that `times` tol may be enough."""
    from torchdeq.solver import get_solver

    drive = net.drive()
    split = [drive.shape[1], net.buffers[1].shape[1]]
    counted = []

    def target(state):
        counted.append(1)
        return torch.cat(net.targets(*state.split(split, 1), drive), 1)

    start = drive.new_zeros(len(drive), sum(split))
    end = get_solver(solver)(target, start, max_iter=500, tol=times * net.tol, stop_mode="abs")[0]
    return net.layers(*end.split(split, 1)), len(counted)


def torchdiffeq(net, rtol, max_step):
    """torchdiffeq's Dormand–Prince until max |μ| of the batch is below tol."""
    from torchdiffeq import odeint_event

    drive = net.drive()
    counted = []

    def flow(t, state):
        counted.append(1)
        return tuple(to - s for to, s in zip(net.targets(*state, drive), state, strict=True))

    def above(t, state):
        # its root finder may stop to either side of the crossing: let it be safely below
        moving = flow(t, state)
        return torch.stack([part.abs().amax() for part in moving]).amax() - 0.95 * net.tol

    start = tuple(torch.zeros_like(buffer) for buffer in net.buffers[:2])
    options = {"max_step": max_step, "max_num_steps": MOST // 6, "dtype": drive.dtype}
    try:
        ends = odeint_event(
            flow,
            start,
            torch.zeros((), dtype=drive.dtype),
            event_fn=above,
            method="dopri5",
            rtol=rtol,
            atol=net.tol / 10,
            options=options,
        )[1]
    except AssertionError:  # it ran out of steps, or its step shrank to nothing
        ends = [part[None] for part in start]
    return net.layers(*(end[-1] for end in ends)), len(counted)


WAYS = {
    "euler": euler,
    "dropping": dropping,
    "torchdeq": torchdeq,
    "torchdiffeq": torchdiffeq,
}


def phase(net, a, b, drive, beta, step, check, steps):
    """Clipped Euler steps, the output nudged by β, to tol or so many; a and b are overwritten."""
    to_a, to_b, off_a, off_b = net.buffers[2:4] + net.buffers[6:]
    last = net.sizes[-1]  # the output is the last of its array
    to_out, out = ((to_a, a), (to_b, b))[(len(net.sizes) - 1) % 2]
    count = 0
    while count < (steps or MOST_IN_A_PHASE):
        count += 1
        torch.addmm(drive, b, net.to_even, out=to_a)  # ρ(s) = s of clipped states
        torch.mm(a, net.to_odd, out=to_b)
        if beta:
            to_out[:, -last:] += beta * (net.y - out[:, -last:])
        if steps is None and count % check == 0:
            clipped = torch.clamp(to_a, 0, 1, out=off_a), torch.clamp(to_b, 0, 1, out=off_b)
            if (
                largest(clipped[0], a, off_a) <= net.tol
                and largest(clipped[1], b, off_b) <= net.tol
            ):
                break
        a.lerp_(to_a, step).clamp_(0, 1)
        b.lerp_(to_b, step).clamp_(0, 1)
    return count


def learn(net, rates, beta, step, check=1, steps=(None, None)):
    """One update by VF-EP of a net of hard sigmoids: both phases and the new weights."""
    a, b, free_a, free_b = net.buffers[0], net.buffers[1], net.buffers[4], net.buffers[5]
    a.zero_()
    b.zero_()
    drive = net.drive()
    count = phase(net, a, b, drive, 0.0, step, check, steps[0])
    free_a.copy_(a)
    free_b.copy_(b)
    count += phase(net, a, b, drive, beta, step, check, steps[1])
    scale = 1 / (beta * len(a))
    first, second, third = (rate * scale for rate in rates)
    n = net.sizes[0]
    signal_a, signal_b = a - free_a, b - free_b
    entry = torch.addmm(net.entry, net.below.T, signal_a[:, :n], alpha=first)
    by_pair = torch.cat((torch.full((n,), second), torch.full((net.sizes[2],), third))).to(a.dtype)
    even = torch.addmm(net.to_even, free_b.T, signal_a * by_pair)
    odd = torch.addmm(net.to_odd, (free_a * by_pair).T, signal_b)
    new = entry.T, odd[:n].T, even[:, n:].T, even[:, :n].T, odd[n:].T
    return [*net.layers(free_a, free_b), *net.layers(a, b), *new], count


def answer(net, asked):
    """One run, its seconds, and what it found saved to a file; uncounted, the saving."""
    ways = {"learn": learn, "settle": WAYS.get(asked.get("way"))}
    with torch.inference_mode():
        begin = time.perf_counter()
        found, count = ways[asked["do"]](net, **asked["setting"])
        seconds = time.perf_counter() - begin
    np.savez(asked["save"], *(part.numpy() for part in found))
    return {"seconds": seconds, "evaluations": count}


def main():
    """Answer every line of stdin until it ends."""
    torch.set_num_threads(int(sys.argv[1]))
    net = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if asked["do"] == "about":
                there = [n for n in ("torchdeq", "torchdiffeq") if importlib.util.find_spec(n)]
                told = {"torch": torch.__version__, "others": there}
            elif asked["do"] == "load":
                net, told = Net(asked["file"]), {}
            else:
                told = answer(net, asked)
        except Exception as error:  # told to whoever asked, who decides
            told = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
