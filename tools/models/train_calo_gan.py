# SPDX-License-Identifier: Apache-2.0
"""Makes model_repo/calo_gan: a 3-D GAN generator of electromagnetic showers.

The generator learns from freshly generated showers (em_shower.py) against a small
discriminator.  Left alone, so short a game collapses to one average shower; a second loss
therefore ties the first five noise values to the five fluctuations of the parametrisation,
and the result to the shower expected for them.  Ends with the check that the tests repeat:
the mean longitudinal profile at fixed energies against the analytic one.  About six
minutes on one core.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

import em_shower
import repository
import torch_export

SEED = 7
LATENT = 64
BATCH = 32
STEPS = 2400
FROZEN_STEPS = 400  # the last steps run with the batch statistics that will be exported
CELLS = em_shower.CELLS
GRAIN = 0.01  # GeV; the discriminator sees log(1 + cell / GRAIN)
CHECK_ENERGIES = np.array([12.0, 25.0, 50.0, 90.0], np.float32)
CHECK_SHOWERS = 1000
PROFILE_BOUND = 0.02
ADVERSARIAL_WEIGHT = 0.01

LOG_CENTRE = float(np.log(em_shower.MIN_ENERGY * em_shower.MAX_ENERGY) / 2)
LOG_HALF_WIDTH = float(np.log(em_shower.MAX_ENERGY / em_shower.MIN_ENERGY) / 2)


def condition(energy):
    """Maps 10..100 GeV to -4..4 on a logarithmic scale, so as to be heard among the noise."""
    return (torch.log(energy) - LOG_CENTRE) * (4 / LOG_HALF_WIDTH)


class Generator(nn.Module):
    """noise [n, 64] and energy [n, 1] in GeV -> energy per cell [n, 16, 16, 16] in GeV."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(LATENT + 1, 128), nn.LeakyReLU(0.2),
                                   nn.Linear(128, 64 * 2**3), nn.LeakyReLU(0.2))
        self.up4 = nn.Sequential(nn.ConvTranspose3d(64, 32, 4, 2, 1, bias=False),
                                 nn.BatchNorm3d(32), nn.LeakyReLU(0.2))
        self.up8 = nn.Sequential(nn.ConvTranspose3d(32, 16, 4, 2, 1), nn.LeakyReLU(0.2),
                                 nn.BatchNorm3d(16))
        self.refine = nn.Sequential(nn.Conv3d(16, 16, 3, padding=1, bias=False),
                                    nn.BatchNorm3d(16), nn.LeakyReLU(0.2))
        self.up16 = nn.Sequential(nn.ConvTranspose3d(16, 8, 4, 2, 1, bias=False),
                                  nn.BatchNorm3d(8), nn.LeakyReLU(0.2))
        self.to_cells = nn.Conv3d(8, 1, 3, padding=1)
        nn.init.constant_(self.to_cells.bias, -4.0)

    def forward(self, noise, energy):
        x = self.dense(torch.cat([noise, condition(energy)], dim=1)).view(-1, 64, 2, 2, 2)
        x = self.up16(self.refine(self.up8(self.up4(x))))
        share = functional.softplus(self.to_cells(x)).view(-1, CELLS, CELLS, CELLS)
        return share * (0.01 * energy).view(-1, 1, 1, 1)


class Discriminator(nn.Module):
    """Score of a shower, given its energy.

    Sees cells and layer sums on a log scale, through a little noise: the grain of single
    cells is more than 64 noise values can imitate, and must not decide the game.
    """

    def __init__(self):
        super().__init__()
        layers = []
        for inputs, outputs in ((1, 8), (8, 16), (16, 32)):
            layers += [spectral_norm(nn.Conv3d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.cells = nn.Sequential(*layers, nn.Flatten())
        self.score = nn.Sequential(spectral_norm(nn.Linear(32 * 8 + em_shower.LAYERS + 1, 64)),
                                   nn.LeakyReLU(0.2), spectral_norm(nn.Linear(64, 1)))

    def forward(self, shower, energy):
        cells = torch.log1p(shower / GRAIN)
        cells = cells + 0.3 * torch.randn_like(cells)
        layers = torch.log1p(shower.sum((2, 3)) / GRAIN)
        seen = torch.cat([self.cells(cells[:, None]), layers, condition(energy)], dim=1)
        return self.score(seen)


def draw_batch(rng):
    """Noise, energies [n, 1], and the expected and the drawn shower for them."""
    noise = torch.randn(BATCH, LATENT)
    energy = em_shower.log_uniform_energy(rng, BATCH)
    mean = em_shower.expected(energy, noise[:, :em_shower.FLUCTUATIONS].numpy())
    real = torch.from_numpy(em_shower.generate(rng, mean))
    mean = torch.from_numpy(mean.astype(np.float32))
    return noise, torch.from_numpy(energy.astype(np.float32))[:, None], mean, real


def shape_loss(fake, mean, energy):
    """Distance from the expected shower: cell by cell (log scale) and in the layers' shares."""
    cells = functional.mse_loss(torch.log1p(fake / GRAIN), torch.log1p(mean / GRAIN))
    layers = (fake - mean).sum((2, 3)) / energy
    return cells + 2 * layers.abs().sum(1).mean()


def train(generator, discriminator, rng):
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=3e-3, betas=(0.8, 0.99))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.99))
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=1e-5)
                 for optimizer in (g_optimizer, d_optimizer)]
    for step in range(STEPS):
        if step == STEPS - FROZEN_STEPS:
            generator.eval()
        noise, energy, mean, real = draw_batch(rng)
        fake = generator(noise, energy)

        d_loss = (functional.relu(1 - discriminator(real, energy)).mean()
                  + functional.relu(1 + discriminator(fake.detach(), energy)).mean())
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()

        shape = shape_loss(fake, mean, energy)
        g_loss = shape - ADVERSARIAL_WEIGHT * discriminator(fake, energy).mean()
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        for schedule in schedules:
            schedule.step()
        if step % 200 == 0:
            print(f"step {step}: discriminator {d_loss.item():.3f}, shape {shape.item():.4f}",
                  flush=True)


def check(generator):
    """Prints generated against expected showers; returns the worst profile distance."""
    worst = 0.0
    rng = np.random.default_rng(SEED + 1)
    for value in CHECK_ENERGIES:
        energy = torch.full((CHECK_SHOWERS, 1), float(value))
        with torch.no_grad():
            fake = generator(torch.randn(CHECK_SHOWERS, LATENT), energy).numpy()
        fluctuations = rng.standard_normal((CHECK_SHOWERS, em_shower.FLUCTUATIONS))
        real = em_shower.generate(
            rng, em_shower.expected(np.full(CHECK_SHOWERS, float(value)), fluctuations))
        layers = fake.sum((2, 3)).mean(0, dtype=np.float64)
        expected = em_shower.mean_longitudinal_profile(value)[0]
        distance = np.abs(layers / layers.sum() - expected).sum()
        worst = max(worst, distance)
        print(f"{value:3.0f} GeV: longitudinal profile off by {distance:.4f}; (GAN, parametrised)"
              + describe(fake, value, real))
    return worst


def describe(fake, energy, real):
    text = ""
    for label, measure in (
            ("response", lambda s: s.sum((1, 2, 3)).mean() / energy),
            ("spread", lambda s: s.sum((1, 2, 3)).std() / energy),
            ("depth spread", lambda s: (s.sum((2, 3)) @ np.arange(16) / s.sum((1, 2, 3))).std()),
            ("core share", lambda s: s[:, :, 7:9, 7:9].sum() / s.sum()),
            ("hottest cell", lambda s: s.max((1, 2, 3)).mean())):
        text += f" {label} {measure(fake):.3f} {measure(real):.3f},"
    return text.rstrip(",")


def write_expected_profile():
    """Check energies float32 [4] and expected normalised layer profiles float32 [4, 16]."""
    expected = em_shower.mean_longitudinal_profile(CHECK_ENERGIES).astype(np.float32)
    repository.write_npy(repository.TEST_DATA / "calo_profile_energies.npy", CHECK_ENERGIES)
    repository.write_npy(repository.TEST_DATA / "calo_profile_expected.npy", expected)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    generator, discriminator = Generator(), Discriminator()
    train(generator, discriminator, np.random.default_rng(SEED))

    worst = check(generator)
    if worst > PROFILE_BOUND:
        raise SystemExit(f"mean longitudinal profile is off by {worst:.4f}")
    example = torch.zeros(2, LATENT), torch.full((2, 1), 50.0)
    data = torch_export.export(generator, example, ["noise", "energy"], ["shower"])
    repository.write_model("calo_gan", data)
    write_expected_profile()


if __name__ == "__main__":
    main()
