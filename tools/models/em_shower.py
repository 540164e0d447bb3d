# SPDX-License-Identifier: Apache-2.0
"""Parametrised electromagnetic showers in a block of 16 x 16 x 16 calorimeter cells.

Longitudinal profile: Gamma function,
    dE/dt = E b (b t)^(a-1) exp(-b t) / Gamma(a),  (a - 1) / b = t_max = ln(E / E_c) + 0.5,
with the depth t in radiation lengths.  Radial profile: density exp(-r / lambda).  Single
showers fluctuate: t_max, b and lambda are log-normal, the impact point is uniform over one
cell width around the centre, and every cell's energy is Gamma distributed, for the resolution of a
homogeneous crystal calorimeter.
"""

import numpy as np
from scipy.special import gammainc, ndtr

LAYERS = CELLS = 16
LAYER_DEPTH = 1.5  # radiation lengths per layer
CRITICAL_ENERGY = 0.008  # GeV
B = 0.5
RADIAL_SCALE = 1.4  # lambda, in cell widths
MIN_ENERGY, MAX_ENERGY = 10.0, 100.0  # GeV
TMAX_SPREAD, B_SPREAD, RADIAL_SPREAD = 0.07, 0.07, 0.06
FLUCTUATIONS = 5
SAMPLING_QUANTUM = 0.001  # GeV; energy resolution 3 % / sqrt(E)

_SUB = (np.arange(3 * CELLS) + 0.5) / 3 - CELLS / 2  # three points per cell and axis


def longitudinal_profile(energy, tmax_factor=1.0, b_factor=1.0):
    """Share of the shower's energy in each layer, [n, 16]; leakage makes the sum < 1."""
    energy, tmax_factor, b_factor = (
        np.atleast_1d(np.asarray(v, np.float64))[:, None] for v in (energy, tmax_factor, b_factor))
    b = B * b_factor
    a = 1 + b * tmax_factor * (np.log(energy / CRITICAL_ENERGY) + 0.5)
    edges = LAYER_DEPTH * np.arange(LAYERS + 1)
    return np.diff(gammainc(a, b * edges), axis=1)


def mean_longitudinal_profile(energy, points=7):
    """Expected normalised profile, [n, 16]: the average over the fluctuations of t_max and b."""
    z, weight = np.polynomial.hermite_e.hermegauss(points)
    weight = weight / weight.sum()
    total = 0.0
    for z_tmax, w_tmax in zip(z, weight):
        for z_b, w_b in zip(z, weight):
            total = total + w_tmax * w_b * longitudinal_profile(
                energy, np.exp(TMAX_SPREAD * z_tmax), np.exp(B_SPREAD * z_b))
    return total / total.sum(axis=1, keepdims=True)


def _transverse_share(scale, x0, y0):
    """Share of the energy in each cell of a layer, [n, 16, 16]."""
    dx2 = (_SUB[None, None, :] - x0[:, None, None]) ** 2
    dy2 = (_SUB[None, :, None] - y0[:, None, None]) ** 2
    scale = scale[:, None, None]
    density = np.exp(-np.sqrt(dx2 + dy2) / scale) / (2 * np.pi * scale**2)
    return density.reshape(-1, CELLS, 3, CELLS, 3).mean(axis=(2, 4))


def expected(energy, fluctuations):
    """Mean shower in GeV per cell, float64 [n, 16, 16, 16] (depth, y, x).

    `fluctuations` [n, 5] are normal deviates: t_max, b, lambda, impact point x and y.
    """
    tmax, b, scale, x0, y0 = np.asarray(fluctuations, np.float64).T
    longitudinal = longitudinal_profile(energy, np.exp(TMAX_SPREAD * tmax), np.exp(B_SPREAD * b))
    transverse = _transverse_share(RADIAL_SCALE * np.exp(RADIAL_SPREAD * scale),
                                   ndtr(x0) - 0.5, ndtr(y0) - 0.5)
    return energy[:, None, None, None] * longitudinal[:, :, None, None] * transverse[:, None]


def generate(rng, mean):
    """Showers, float32, drawn around their `expected` mean."""
    return (rng.gamma(mean / SAMPLING_QUANTUM) * SAMPLING_QUANTUM).astype(np.float32)


def log_uniform_energy(rng, count):
    low, high = np.log([MIN_ENERGY, MAX_ENERGY])
    return np.exp(rng.uniform(low, high, count))
