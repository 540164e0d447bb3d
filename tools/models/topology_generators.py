# SPDX-License-Identifier: Apache-2.0
"""Two 3-D generators as PyTorch modules: transposed convolutions, and upsampling in front of
convolutions with the uneven kernels of calorimeter simulation."""

import torch
from torch import nn


class Seed(nn.Module):
    """The latent vector as a small volume of `channels`."""

    def __init__(self, latent, channels, volume):
        super().__init__()
        self.shape = (-1, channels, *volume)
        self.project = nn.Linear(latent, channels * volume[0] * volume[1] * volume[2])

    def forward(self, latent):
        return self.project(latent).reshape(self.shape)


class ConvTransposeGenerator(nn.Module):
    """Every transposed convolution doubles the volume; the normalisations can be folded into them.
    A convolution to one channel ends it."""

    def __init__(self, latent=200, widths=(512, 256, 128, 64), volume=(4, 4, 4)):
        super().__init__()
        activations = (nn.ReLU(), nn.LeakyReLU(0.2), nn.LeakyReLU(0.2))
        layers = [Seed(latent, widths[0], volume)]
        for inputs, outputs, activation in zip(widths, widths[1:], activations):
            layers += [nn.ConvTranspose3d(inputs, outputs, 4, 2, 1, bias=False),
                       nn.BatchNorm3d(outputs), activation]
        self.body = nn.Sequential(*layers, nn.Conv3d(widths[-1], 1, 3, padding=1))

    def forward(self, latent):
        return torch.tanh(self.body(latent))


class ConvGenerator(nn.Module):
    """Resize, convolution, LeakyReLU, and only then the normalisation, which nothing before it can
    take in.  Even kernels need one more zero behind than in front: the convolutions pad themselves
    (auto_pad), or, with `pads`, a Pad in front of each does it."""

    def __init__(self, latent=200, widths=(32, 64, 6, 6), volume=(7, 7, 8), pads=False):
        super().__init__()
        self.body = nn.Sequential(
            Seed(latent, widths[0], volume), nn.Upsample(scale_factor=2),
            *self.block(widths[0], widths[1], (6, 6, 8), pads), nn.Upsample(scale_factor=2),
            *self.block(widths[1], widths[2], (5, 8, 5), pads),
            *self.block(widths[2], widths[3], (6, 6, 8), pads),
            nn.Conv3d(widths[3], 1, 3, padding=1), nn.ReLU())

    @staticmethod
    def block(inputs, outputs, kernel, pads):
        total = [size - 1 for size in reversed(kernel)]  # PyTorch pads the last axis first
        around = [part for size in total for part in (size // 2, size - size // 2)]
        return (*([nn.ConstantPad3d(around, 0.0)] if pads else []),
                nn.Conv3d(inputs, outputs, kernel, padding=0 if pads else "same"),
                nn.LeakyReLU(0.3), nn.BatchNorm3d(outputs))

    def forward(self, latent):
        return self.body(latent)
