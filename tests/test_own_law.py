"""Laws made from a user's function: derivatives, batches, pickling, several drivers, bad starts."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.special import gammainc

import scalefit as sf
from scalefit.estimands import Gain, Parameter, SizeReaching
from scalefit.estimate import estimate
from scalefit.inference import profile, wald
from scalefit.laws import Law, get_law
from scalefit.sample import by_size

START = {"top": 1.0, "size": 1e5}


def rise(x, top, size):
    return top * (1 - np.exp(-x / size))


def sample(n_curves=3, noise=0.01):
    rng = np.random.default_rng(21)
    x = np.tile(np.repeat(1e4 * 10 ** np.linspace(0, 2, 6), 2), n_curves)
    group = np.repeat(np.arange(n_curves), 12)
    mean = rise(x, 0.8 - 0.1 * group, 1e5 * 2.0**group)
    ones = np.ones(n_curves)
    return by_size(x, mean + noise * rng.standard_normal(x.size), group, ones, ones)


def answers(law, data, question):
    fitted = estimate(law, data)
    found, error = profile(fitted, question), wald(fitted, question)
    return np.stack([found.estimate, found.lower, found.upper, error.lower, error.upper])


@pytest.mark.parametrize(
    "function",
    [
        lambda x, top, size: np.abs(top) * (1 - np.exp(-x / np.sqrt(np.abs(size) ** 2))),
        lambda x, top, size: top * gammainc(1.0, x / size),
    ],
    ids=["loses complex numbers", "refuses complex numbers"],
)
@pytest.mark.parametrize("question", [Parameter("size"), Gain(10), SizeReaching(0.9)], ids=repr)
def test_derivatives_survive_functions_that_are_not_analytic(function, question):
    plain, other = (
        answers(Law.from_function("own", f, START), sample(), question) for f in (rise, function)
    )
    np.testing.assert_allclose(other, plain, rtol=1e-6)


def test_standard_error_of_a_size_is_that_of_the_built_in_law():
    """The bisection for the size has a derivative too."""
    data = sample(1)
    own = Law.from_function(
        "own", lambda x, top, gap, size: top - gap * np.exp(-x / size),
        {"top": 0.9, "gap": 0.7, "size": 1e5},
    )  # fmt: skip
    ours, theirs = (
        wald(estimate(law, data), SizeReaching(0.9)) for law in (own, get_law("exponential"))
    )
    assert ours.upper[0] > ours.estimate[0]
    np.testing.assert_allclose(ours.lower, theirs.lower, rtol=1e-6)


def test_a_function_of_two_drivers_tells_its_parameters():
    """Nothing is known of which driver one rests on, so that it is told where both vary alone."""
    rng = np.random.default_rng(0)
    params, tokens = (each.ravel() for each in np.meshgrid([1e7, 1e8, 1e9], [1e8, 1e9, 1e10, 1e11]))

    def joint(x, e, a, alpha):
        return e + a * (x[0] * x[1] / 1e17) ** -alpha

    law = Law.from_function("own", joint, {"e": 1.5, "a": 0.4, "alpha": 0.3})

    def fitted(tokens):
        loss = joint((params, tokens), 1.7, 0.5, 0.2) + rng.normal(0, 0.003, params.size)
        runs = {"params": params, "tokens": tokens, "loss": loss}
        return sf.fit(runs, drivers=["params", "tokens"], law=law, noise="gaussian")

    found = fitted(tokens).ask(Parameter("alpha"))
    assert found.lower < 0.2 < found.upper
    assert "refused" in fitted(20 * params).ask(Parameter("alpha")).label


def test_a_batch_is_its_curves():
    law, data = Law.from_function("own", rise, START), sample()
    whole = answers(law, data, Gain(10))
    for g in range(len(data)):
        alone = answers(law, data.take([g]), Gain(10))
        np.testing.assert_allclose(whole[:, [g]], alone, rtol=1e-7, atol=1e-12)


def test_a_fit_with_a_picklable_function_can_be_pickled():
    data = {"cells": sample(1).x[0], "f1": sample(1).mean[0]}
    fit = sf.fit(data, law=Law.from_function("own", rise, START))
    again = pickle.loads(pickle.dumps(fit))
    assert again.gain(10) == fit.gain(10)
    assert again.law.parameter("size").name == "size"


def test_several_drivers():
    """A function of several drivers is given a tuple of them."""
    rng = np.random.default_rng(4)
    n, d = (10 ** rng.uniform(2, 5, 40) for _ in range(2))
    y = 1.7 + 40 * n**-0.35 + 90 * d**-0.4
    law = Law.from_function(
        "additive", lambda x, e, a, alpha, b, beta: e + a * x[0] ** -alpha + b * x[1] ** -beta,
        {"E": 1.0, "A": 10.0, "alpha": 0.5, "B": 10.0, "beta": 0.5},
    )  # fmt: skip
    ones = np.ones(1)
    found = estimate(law, by_size(n, y, np.zeros(40, dtype=int), -ones, 0 * ones, [d]))
    np.testing.assert_allclose(found.theta[0], [1.7, 40, 0.35, 90, 0.4], rtol=1e-8)


def test_a_function_that_is_finite_at_no_start_is_refused():
    law = Law.from_function("log", lambda x, a: np.log(-(a**2) - x), {"a": 1.0})
    with pytest.raises(sf.FitError, match="not finite at its start values"):
        estimate(law, sample())


def test_a_function_of_single_numbers_is_refused():
    law = Law.from_function("own", lambda x, a: x if a > 0 else -x, {"a": 1.0})
    with pytest.raises(sf.LawError, match=r"cannot be called with arrays.*write it with numpy"):
        estimate(law, sample())


def test_equal_optima_keep_the_order_of_the_start():
    """Exchangeable parts come out in the order in which the start has them."""
    x = np.linspace(1, 30, 40)
    y = 2 * np.exp(-x / 3) + np.exp(-x / 12)
    ones = np.ones(1)
    data = by_size(x, y + 1e-3 * np.sin(9 * x), np.zeros(40, dtype=int), ones, ones)
    found = [
        estimate(
            Law.from_function(
                "two", lambda x, a, s, b, t: a * np.exp(-x / s) + b * np.exp(-x / t),
                dict(zip("asbt", start, strict=True)),
            ), data,
        ).theta[0]
        for start in ([1, 2, 1, 20], [1, 20, 1, 2])
    ]  # fmt: skip
    assert found[0][1] < found[0][3]
    np.testing.assert_allclose(found[1], found[0][[2, 3, 0, 1]], rtol=1e-8)
