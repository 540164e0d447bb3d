# SPDX-License-Identifier: Apache-2.0
"""Generates two classes of jets: hadronic W decays (1) against quark and gluon jets (0).

Not a simulation of an experiment: eight correlated kinematic and substructure variables
with the trends known from data (a mass peak against a falling spectrum, two prongs
against one, masses and angles that scale with the transverse momentum), smeared like a
detector would, so that a tree ensemble has something real to learn.
"""

import numpy as np

FEATURES = ("pt", "eta", "mass", "tau21", "tau32", "multiplicity", "width", "ptd")
W_MASS = 80.4


def _kinematics(rng, count):
    """Falling transverse momentum spectrum 200 to 1000 GeV, central pseudorapidity."""
    low, high, power = 200.0, 1000.0, -4.0
    u = rng.random(count)
    pt = (low**power + u * (high**power - low**power)) ** (1 / power)
    return pt, np.clip(rng.normal(0, 1.1, count), -2.4, 2.4)


def _w_jets(rng, pt):
    count = len(pt)
    sharing = rng.beta(3, 3, count)  # momentum fraction of the first quark
    opening = W_MASS / (pt * np.sqrt(sharing * (1 - sharing)))
    lost = rng.exponential(0.04, count) + (opening > 0.8) * rng.uniform(0.2, 0.6, count)
    mass = W_MASS * np.maximum(1 - lost, 0.1) * rng.normal(1, 0.08, count)
    tau21 = rng.beta(4, 7, count) + 0.25 * (opening > 0.8)
    tau32 = rng.beta(9, 4, count)
    multiplicity = rng.poisson(18 + 6 * np.log(pt / 200))
    width = 0.35 * opening * rng.lognormal(0, 0.25, count)
    return mass, tau21, tau32, multiplicity, width


def _qcd_jets(rng, pt):
    count = len(pt)
    gluon = rng.random(count) < 0.6
    mass = 0.12 * pt * rng.lognormal(0, 0.45, count) * np.where(gluon, 1.25, 1.0)
    tau21 = rng.beta(6, 4, count) - 0.06 * np.log(np.maximum(mass / 60, 0.3))
    tau32 = rng.beta(8, 3.5, count)
    multiplicity = rng.poisson(np.where(gluon, 27, 17) + 6 * np.log(pt / 200))
    width = 1.1 * mass / pt * rng.lognormal(0, 0.3, count)
    return mass, tau21, tau32, multiplicity, width


def generate(seed, per_class):
    """Returns features float32 [2*per_class, 8] and labels int64, shuffled."""
    rng = np.random.default_rng(seed)
    blocks = []
    for make in (_qcd_jets, _w_jets):
        pt, eta = _kinematics(rng, per_class)
        mass, tau21, tau32, multiplicity, width = make(rng, pt)
        ptd = 1.25 / np.sqrt(multiplicity + 2.0) * rng.normal(1, 0.15, per_class)
        smeared_mass = np.maximum(mass * rng.normal(1, 0.06, per_class), 1)
        blocks.append(np.stack([
            pt * rng.normal(1, 0.05, per_class), eta, smeared_mass, np.clip(tau21, 0, 1),
            np.clip(tau32, 0, 1), multiplicity, width, np.clip(ptd, 0.05, 1)], axis=1))
    features = np.concatenate(blocks).astype(np.float32)
    labels = np.repeat(np.arange(2, dtype=np.int64), per_class)
    order = rng.permutation(len(labels))
    return features[order], labels[order]
