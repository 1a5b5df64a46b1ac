"""The analyses of published claims, in their quick form: what they find, and that they write it."""

import json

import pytest

import neurodyn as nd

KEYS = {
    "id",
    "source",
    "published",
    "ours",
    "verdict",
    "statements",
    "numbers",
    "settings",
    "seeds",
    "versions",
    "date",
    "wall_seconds",
}


@pytest.fixture
def quick(quick, tmp_path):
    def run(name: str) -> dict:
        content = quick(name)
        found = {path.name for path in tmp_path.iterdir()}
        assert found == {f"{name.replace('_', '-')}.json", f"{name}.png"}
        assert set(content) == KEYS and content["settings"]["quick"] is True
        return content

    return run


def verdicts(content: dict) -> dict[str, str]:
    """The verdict of each published statement, by the words before its first colon."""
    return {s["published"].split(":")[0]: s["verdict"] for s in content["statements"]}


def all_agree(numbers: dict) -> bool:
    return all(n["agree"] == n["runs"] and n["worst gap"] <= 1e-8 for n in numbers.values())


@pytest.mark.slow
def test_chain_endpoints(quick):
    content = quick("chain_endpoints")
    assert content["verdict"] == "reached in part"
    told = verdicts(content)
    assert [told[f"Thm {k}"] for k in ("2, L = 2", "3, L = 3", "4, L = 4")] == ["reached"] * 3
    assert told["Thm 2"] == told["Thm 3"] == "not reached"
    numbers = content["numbers"]
    assert all_agree(numbers["ends"]) and all_agree(numbers["one c_i = 0"])
    assert numbers["tangency"]["verdict"] == "timed_out"
    assert numbers["tangency"]["gap to golden"] < 1e-9
    assert numbers["tangency"]["distance times t"] == pytest.approx(2 / 3, abs=0.01)
    assert numbers["triple root"]["gap at t = 200"] < 1e-9
    assert numbers["c2 = a2(0) = 0"]["a1(1000)"] == pytest.approx(1000.5)
    for found in numbers["starts on the unstable side"].values():
        assert found["settled"] == found["repelling"] == found["starts"] > 0
        assert found["worst rate gap"] < 1e-9
    for found in numbers["top = -1"].values():
        assert found["verdicts"].get("diverged", 0) == found["kinds"].get("diverges", 0) > 0
    assert numbers["beta = 0"]["settled"] == 0


@pytest.mark.slow
def test_width_endpoints(quick):
    content = quick("width_endpoints")
    assert content["verdict"] == "reached in part"
    told = verdicts(content)
    assert told["Thm 5"] == told["Thm 6, remark"] == "reached"
    numbers = content["numbers"]
    assert all_agree(numbers["[1,N,1]"]) and all_agree(numbers["[N,1,N]"])
    saddle = numbers["C = (1, 0), A(0) = (−3, 0)"]
    assert saddle["end"] == pytest.approx(-2.2618022452599718, abs=1e-9)
    assert saddle["kind"] == "saddle" and saddle["growth"] == pytest.approx(-1 / saddle["end"])
    assert saddle["pushed end"] == pytest.approx(2.6016791318831545, abs=1e-9)
    coloured = numbers["Σ = diag(4, 1), C = (1, 1)"]
    assert coloured["error"] == pytest.approx(0.8) and coloured["best"] == pytest.approx(0.5)


@pytest.mark.slow
def test_matrix_flows(quick):
    content = quick("matrix_flows")
    assert content["verdict"] == "reached in part"
    told = verdicts(content)
    assert {told[name] for name in ("Thm 7", "Eq 92", "Eq 109", "Thm 8", "Thm 10")} == {"reached"}
    assert told["after Thm 8"] == told["after Thm 10"] == "not reached"
    numbers = content["numbers"]
    assert numbers["on the way"]["largest ‖A1‖ / bound"] <= 1 + 1e-9
    assert numbers["on the way"]["largest eigenvalue of a step of V"] < 1e-9
    assert numbers["ends"]["[2, 2, 2]"]["largest miss of A2A1"] < 1e-8
    assert numbers["ends"]["[2, 1, 2]"]["least miss of A2A1"] > 1e-4
    assert numbers["square"]["n = 2"]["neutral"] == [4]
    circle, sphere = numbers["circle, n = 3"], numbers["sphere, n = 4"]
    assert max(circle["spread of K and V"], sphere["spread of K and V"]) < 1e-12
    assert min(circle["largest distance"], sphere["largest distance"]) > 1
    assert circle["abscissa"] == pytest.approx([(5**0.5 - 1) / 2] * 2)
    assert sphere["transverse"] == pytest.approx([-1, -1])


@pytest.mark.slow
def test_power_chain(quick):
    content = quick("power_chain")
    assert content["verdict"] == "reached in part"
    numbers = content["numbers"]
    assert all_agree(numbers["with f′"])
    stall = numbers["stalls"]["a₁(0) < 0"]
    assert stall["verdict"] == "timed_out" and stall["certified"] == "stalls"
    assert stall["a1(2000)"] == pytest.approx(-1.6661034410135614e-4, abs=1e-12)
    drift, collapse = numbers["drift"], numbers["collapse"]
    assert drift["w"] == pytest.approx(0.5230769230769231, abs=1e-6)
    assert drift["speed / expected"] * 0.5538461538461537 == pytest.approx(
        drift["expected speed"], abs=1e-6
    )
    assert collapse["w"] == pytest.approx(1.9411764705882353, abs=1e-5)
    assert collapse["speed / expected"] * 5.480968858131496 == pytest.approx(5.480969, abs=1e-3)
    rest = numbers["realizable targets without f′"]
    assert rest["settled"] == rest["runs"] and rest["worst gap of w"] < 1e-9


@pytest.fixture
def block(analyses, tmp_path):
    published = analyses("published")
    options = published.Options(quick=True, out=tmp_path)
    return published.analysis("test", "nowhere", "nothing", options)


def test_a_report_is_written_when_its_block_ends(block, tmp_path):
    with block as found:
        found.state("one", ours="1", reached=True)
        found.state("two", ours="3", reached=False, why="it is odd")
        found.measure("three", ours="3")
        found.numbers["gap"] = float("nan")
    content = json.loads((tmp_path / "test.json").read_text("utf-8"))
    assert content["verdict"] == "reached in part"
    assert content["ours"] == "1 of 2 published statements reached"
    assert content["numbers"] == {"gap": None}
    assert [s["verdict"] for s in content["statements"]] == ["reached", "not reached", "measured"]


def test_a_report_that_breaks_leaves_nothing(block, tmp_path):
    with (
        pytest.raises(RuntimeError, match="midway"),
        block as found,
        found.figure((2, 2)) as figure,
    ):
        figure.subplots()
        raise RuntimeError("midway")
    assert not list(tmp_path.iterdir())


def test_runs_that_miss_the_certified_end_are_told(analyses):
    endpoints = analyses("endpoints")
    found = nd.settle(nd.chain_flow((1.0,), 1.0, 1.0), None, [[0.3, -1.2], [0.3, -1.2]], tol=1e-8)
    right = [1.8844882776018335, 0.5306480342093624]
    wrong = [1.9, 0.53]
    compared = endpoints.compare(found, found.state, [right, wrong], ["stable"] * 2, [-4.08, -4.08])
    assert compared.agree.tolist() == [False, False]  # 1e-4 accurate steps are not enough
    exact = endpoints.compare(found, [right, right], [right, wrong], ["stable"] * 2, [-4.08, None])
    assert exact.agree.tolist() == [True, False]
    numbers = exact.numbers()
    assert numbers["agree"] == 1 and [other["run"] for other in numbers["others"]] == [1]
    assert endpoints.in_words([exact])[0].startswith("1 of 2 end there")
