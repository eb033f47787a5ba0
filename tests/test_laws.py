"""What every registered law must satisfy; a new entry of LAWS is tested without further ado."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import scalefit as sf
from scalefit.errors import LawError
from scalefit.laws import AUTO, AUTO_SURFACES, REGISTERED, Frame, get_law, laws, resolve
from scalefit.sample import by_size

DOCS = Path(__file__).parent.parent / "docs" / "laws"
SIZES = 10 ** np.linspace(4, 7, 8)
#: Sizes of the drivers of a surface, none of which follows from the others.
SURFACE = (
    10 ** np.repeat(np.linspace(7, 9.5, 6), 5),
    10 ** np.tile(np.linspace(9, 11.5, 5), 6) * np.repeat([1.0, 1.7, 0.6, 1.3, 1.0, 0.8], 5),
    10 ** np.tile([9.0, 9.7, 10.1, 10.4, 9.3], 6),
)

every_law = pytest.mark.parametrize("law", REGISTERED, ids=lambda law: law.name)
every_shape_law = pytest.mark.parametrize(
    "law", [law for law in REGISTERED if law.shapes], ids=lambda law: law.name
)
either_way = pytest.mark.parametrize(
    ("sign", "limit"), [(1.0, 1.0), (-1.0, 0.0), (1.0, np.nan), (-1.0, np.nan)]
)


def sizes_of(law):
    """Return sizes as a law takes them: an array, or one for each driver."""
    return SIZES if law.n_drivers == 1 else SURFACE[: law.n_drivers]


def sampled(law, y, sign=1.0, limit=1.0):
    """Return a single curve with scores ``y`` at the law's sizes."""
    x, *other = (SIZES,) if law.n_drivers == 1 else sizes_of(law)
    return by_size(x, y + 0 * x, np.zeros(x.size, int), np.array([sign]), np.array([limit]), other)


def framed(law, sign=1.0, limit=1.0):
    """Return the frame of a law's sizes."""
    if law.n_drivers == 1:
        return Frame.of_sizes(SIZES, sign, limit)
    return sampled(law, 0.5, sign, limit).frame.row(0)


def log_sizes(law, frame):
    """Return the law's sizes as log sizes about their centres."""
    if law.n_drivers == 1:
        return np.log(SIZES / frame.x0)
    sizes = zip(sizes_of(law), frame.drivers, strict=True)
    return np.stack([np.log(x / own.x0) for x, own in sizes], axis=-1)


def inside(law, frame, rng, share=(0.2, 0.8)):
    """Return shape parameters somewhere inside the law's box."""
    theta = []
    for shape in law.shapes:
        low, high = (shape.coordinate.to_u(np.asarray(b)) for b in shape.bounds(frame))
        theta.append(shape.coordinate.to_theta(low + rng.uniform(*share) * (high - low)))
    return tuple(theta)


def public(law, frame, coefficients, theta):
    """Return the field's parameters of a working form."""
    return {p.name: p.terms(theta, frame, np).value(coefficients) for p in law.parameters}


@every_shape_law
def test_gradient_is_the_complex_step(law):
    rng = np.random.default_rng(1)
    frame = framed(law)
    z = log_sizes(law, frame)
    for _ in range(50):
        theta = inside(law, frame, rng)
        claimed = law.gradient(z, theta, frame)
        for j in range(len(theta)):
            moved = list(theta)
            moved[j] = moved[j] + 1e-30j
            columns = law.columns(z, tuple(moved), frame, np)
            for column, slope in zip(columns, claimed[j], strict=True):
                exact = np.imag(np.asarray(column) + 0j) / 1e-30
                scale = np.abs(exact).max() or 1.0
                np.testing.assert_allclose(slope, exact, atol=1e-13 * scale, rtol=1e-11)


def test_gradient_near_the_log_law():
    """Where the complex step itself cancels, the series is checked against its exact limits."""
    law, z = get_law("saturating_power"), np.linspace(-3, 3, 7)
    frame = Frame.of_sizes(SIZES)
    for a in (0.0, 1e-12, -1e-9, 1e-6):
        slope = law.gradient(z, (np.float64(a),), frame)[0][1]
        np.testing.assert_allclose(slope, -(z**2) / 2 + a * z**3 / 3, rtol=1e-11, atol=1e-14)


@every_law
@either_way
def test_numpy_equals_pytensor(law, sign, limit):
    pytensor = pytest.importorskip("pytensor")
    import pytensor.tensor as pt

    frame = framed(law, sign, limit)
    rng = np.random.default_rng(2)
    theta = inside(law, frame, rng, (0.2, 0.8) if law.n_drivers == 1 else (0.6, 0.8))
    values = public(law, frame, rng.uniform(0.1, 0.3, law.n_columns), theta)
    symbols = {name: pt.dscalar(name) for name in values}
    x0 = tuple(float(own.x0) for own in frame.drivers)
    sizes = sizes_of(law)
    given = pt.as_tensor(sizes) if law.n_drivers == 1 else tuple(pt.as_tensor(x) for x in sizes)
    mean = law.mean(given, symbols, pt, sign=sign, limit=limit, x0=x0)
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")
    flat = sizes if law.n_drivers == 1 else sizes[0]
    function = pytensor.function(
        list(symbols.values()), mean + 0 * flat, mode=mode, on_unused_input="ignore"
    )
    expected = law.mean(sizes, values, sign=sign, limit=limit)
    np.testing.assert_allclose(function(*values.values()), expected, rtol=1e-12)


@every_law
@either_way
def test_field_parameters_and_working_form_agree(law, sign, limit):
    frame = framed(law, sign, limit)
    rng = np.random.default_rng(3)
    for _ in range(20):  # not too slow: else a far asymptote and a tall coefficient cancel
        theta = inside(law, frame, rng, (0.6, 0.9))
        coefficients = rng.uniform(0.1, 0.3, law.n_columns)
        values = public(law, frame, coefficients, theta)
        again, shapes = law.invert(values, frame, np)
        np.testing.assert_allclose(again, coefficients, rtol=1e-9)
        np.testing.assert_allclose(shapes, theta, rtol=1e-9, atol=1e-12)
        terms = law.value_terms(log_sizes(law, frame), theta, frame)
        mean = law.mean(sizes_of(law), values, sign=sign, limit=limit)
        np.testing.assert_allclose(terms.value(coefficients), mean, rtol=1e-9, atol=1e-9)


@every_law
def test_limit_is_the_mean_far_out(law):
    frame = framed(law)
    coefficients = np.full(law.n_columns, 0.2)
    theta = tuple(np.float64(1.0) for _ in law.shapes)
    limit = law.limit(theta, frame, np).value(coefficients)
    z = 500.0 if law.n_drivers == 1 else np.full(law.n_drivers, 500.0)
    far, farther = (law.value_terms(k * z, theta, frame).value(coefficients) for k in (1, 1.2))
    assert far == pytest.approx(limit, rel=1e-9) if np.isfinite(limit) else farther > far + 1


@pytest.mark.parametrize("law", [law for law in REGISTERED if law.shapes and law.reach], ids=str)
@pytest.mark.parametrize("end", ["observed", "infinity"])
def test_reach_undoes_the_curve(law, end):
    frame = Frame.of_sizes(SIZES, 1.0, 1.0)
    rng = np.random.default_rng(4)
    coefficients = np.full(law.n_columns, 0.2)
    for _ in range(20):
        theta = inside(law, frame, rng, (0.45, 0.8))
        z_to = frame.z_max if end == "observed" else np.inf
        z = law.reach(0.6, frame.z_min, z_to, theta, frame)
        start = law.value_terms(frame.z_min, theta, frame).value(coefficients)
        stop = (
            law.value_terms(z_to, theta, frame)
            if end == "observed"
            else law.limit(theta, frame, np)
        ).value(coefficients)
        here = law.value_terms(z, theta, frame).value(coefficients)
        if np.isfinite(stop) and np.isfinite(z):
            assert here == pytest.approx(start + 0.6 * (stop - start), rel=1e-9)


@every_law
def test_start_is_finite_and_inside(law):
    rng = np.random.default_rng(5)
    if law.n_drivers > 1:
        samples = [sampled(law, y) for y in (0.3, SURFACE[0] ** 0.1, -SURFACE[1])]
    else:
        samples = list(one_driver_samples(rng))
    for sample in samples:
        for value, shape in zip(
            law.start(sample.z, sample.benefit, sample.frame), law.shapes, strict=True
        ):
            low, high = shape.bounds(sample.frame)
            assert np.isfinite(value).all()
            assert (low - 1e-9 <= value).all()
            assert (value <= high + 1e-9).all()


def one_driver_samples(rng):
    for y in (SIZES**0.1, np.full(8, 0.3), -SIZES, 0.3 + 1e-15 * rng.standard_normal(8)):
        for x in (SIZES, SIZES[rng.permutation(8)], np.repeat(SIZES[[0, 7]], 4)):
            yield by_size(x, y, np.zeros(8, int), np.ones(1), np.ones(1))


@every_law
def test_units_move_parameters_as_their_roles_say(law):
    """A driver in thousands and a score in percent."""
    rng = np.random.default_rng(6)
    frame = framed(law)
    units = (1e3, 1e2, 1e2)[: law.n_drivers]  # unique tokens are in the units of tokens
    moved = [
        replace(own, x0=own.x0 / unit, limit=100.0, other=())
        for own, unit in zip(frame.drivers, units, strict=True)
    ]
    thousand = replace(moved[0], other=tuple(moved[1:]))
    theta = inside(law, frame, rng, (0.5, 0.8))
    coefficients = np.full(law.n_columns, 0.2)
    before = public(law, frame, coefficients, theta)
    after = public(law, thousand, 100 * coefficients, theta)
    names = {0: "alpha", 1: "beta" if "beta" in before else "alpha"}
    for parameter in law.parameters:
        along = range(law.n_drivers)[:2] if parameter.driver < 0 else [parameter.driver]
        if parameter.role == "coefficient":
            exponents = {d: before.get(names[d], before.get("exponent", 0.0)) for d in along}
            factor = 100.0 * np.prod([units[d] ** -e for d, e in exponents.items()])
        elif parameter.role == "size":
            factor = 1.0 / units[along[0]]
        else:
            factor = {"exponent": 1.0}.get(parameter.role, 100.0)
        expected = before[parameter.name] * factor
        assert after[parameter.name] == pytest.approx(expected, rel=1e-9), parameter.name


@every_law
def test_is_documented(law):
    assert law.title
    assert law.wrong_when
    assert law.source
    assert all(len(p.meaning) > 10 for p in law.parameters)
    page = DOCS / f"{law.name}.md"
    text = page.read_text(encoding="utf-8")
    assert law.name in text
    assert all(p.name in text for p in law.parameters)


def test_registry():
    table = laws()
    assert list(table.index) == [law.name for law in REGISTERED]
    with pytest.raises(LawError, match=r"no law named 'hil'; the laws are constant.*'hill'"):
        get_law("hil")
    for name, here in (
        ("chinchilla", "additive"),
        ("BNSL", "broken_power"),
        ("pow3", "saturating"),
    ):
        with pytest.raises(LawError, match=rf"; '{name}' is '{here}"):
            get_law(name)
    with pytest.raises(LawError, match="empty"):
        resolve([])
    assert resolve("auto") == AUTO
    assert resolve("auto", 2) == tuple(law for law in AUTO_SURFACES if law.n_drivers == 2)
    assert [law.name for law in resolve("auto", 3)] == ["additive_repeat"]
    assert resolve(["hill", get_law("power")]) == (get_law("hill"), get_law("power"))
    with pytest.raises(LawError, match="has no parameter 'asymptot'"):
        get_law("saturating_power").parameter("asymptot")


@every_law
def test_nested_laws_are_special_cases(law):
    if not law.nested_in:
        return
    wide = get_law(law.nested_in)
    assert wide.n_params > law.n_params


@pytest.mark.parametrize("factor", [1.05, 1.1, 1.5])
def test_an_exponential_keeps_its_digits_among_sizes_far_beyond_its_scale(factor):
    """A score that jumps after the first of eight sizes close together, against a fine grid."""
    x = 1e5 * factor ** np.arange(8)
    y = np.where(x > x[0], 0.8, 0.5) + 1e-3 * np.random.default_rng(0).standard_normal(8)
    fit = sf.fit({"cells": x, "f1": y}, law="exponential", force=True)
    step = (x[1] - x[0]) / np.geomspace(1e-3, np.log(1000.0), 4001)
    rise = -np.expm1(-(x - x[0]) / step[:, None])
    rise -= rise.mean(axis=1, keepdims=True)
    gap = y - y.mean()
    grid = (gap @ gap - (rise @ gap) ** 2 / (rise**2).sum(axis=1)).min()
    assert fit.estimate.solution.rss[0] <= grid * (1 + 1e-9)
    told = fit.params["estimate"]
    assert np.isnan(told["amplitude"]) or told["amplitude"] > 0
