# SPDX-License-Identifier: Apache-2.0
"""ResNet-50, MobileNetV2 and a 2-D U-Net as PyTorch modules, of any width.

The layers and their order are those of the papers (and of torchvision, which is not needed); the
numbers of channels are arguments, so that a small network has every node of the large one.
"""

import torch
from torch import nn


def convolution(inputs, outputs, kernel, stride=1, groups=1, activation=None):
    """Convolution without bias, batch normalisation and, where given, an activation."""
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
              nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 to four times the width; added to its input."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.body = nn.Sequential(convolution(inputs, width, 1, activation=nn.ReLU),
                                  convolution(width, width, 3, stride, activation=nn.ReLU),
                                  convolution(width, outputs, 1))
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet50(nn.Module):
    def __init__(self, stem=64, widths=(64, 128, 256, 512), classes=1000):
        super().__init__()
        layers = [convolution(3, stem, 7, 2, activation=nn.ReLU), nn.MaxPool2d(3, 2, 1)]
        inputs = stem
        for stage, (width, blocks) in enumerate(zip(widths, (3, 4, 6, 3))):
            for block in range(blocks):
                layers.append(Bottleneck(inputs, width, 2 if stage and not block else 1))
                inputs = 4 * width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(inputs, classes)

    def forward(self, image):
        return self.head(torch.flatten(self.body(image), 1))


class InvertedResidual(nn.Module):
    """1x1 to a multiple of the width, depthwise 3x3, 1x1 without activation."""

    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        hidden = inputs * expansion
        layers = [convolution(inputs, hidden, 1, activation=nn.ReLU6)] if expansion > 1 else []
        self.body = nn.Sequential(
            *layers, convolution(hidden, hidden, 3, stride, hidden, activation=nn.ReLU6),
            convolution(hidden, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class MobileNetV2(nn.Module):
    def __init__(self, stem=32, widths=(16, 24, 32, 64, 96, 160, 320), last=1280, classes=1000):
        super().__init__()
        expansions, repeats, strides = (1, 6, 6, 6, 6, 6, 6), (1, 2, 3, 4, 3, 3, 1), (1, 2, 2, 2, 1, 2, 1)
        layers = [convolution(3, stem, 3, 2, activation=nn.ReLU6)]
        inputs = stem
        for width, expansion, count, stride in zip(widths, expansions, repeats, strides):
            for block in range(count):
                layers.append(
                    InvertedResidual(inputs, width, 1 if block else stride, expansion))
                inputs = width
        self.body = nn.Sequential(*layers, convolution(inputs, last, 1, activation=nn.ReLU6))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, image):
        return self.head(self.body(image).mean([2, 3]))


class UNet(nn.Module):
    """Halved and doubled once for every width but the last; joined with the skipped level."""

    def __init__(self, widths=(32, 64, 128, 256, 512), channels=1, classes=2):
        super().__init__()
        steps = list(zip(widths, widths[1:]))
        self.down = nn.ModuleList(
            self.pair(a, b) for a, b in [(channels, widths[0]), *steps])
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(steps))
        self.join = nn.ModuleList(self.pair(2 * a, a) for a, _ in reversed(steps))
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(widths[0], classes, 1)

    @staticmethod
    def pair(inputs, outputs):
        return nn.Sequential(convolution(inputs, outputs, 3, activation=nn.ReLU),
                             convolution(outputs, outputs, 3, activation=nn.ReLU))

    def forward(self, image):
        levels = [self.down[0](image)]
        for level in self.down[1:]:
            levels.append(level(self.pool(levels[-1])))
        x = levels.pop()
        for up, join in zip(self.up, self.join):
            x = join(torch.cat([levels.pop(), up(x)], 1))
        return torch.sigmoid(self.head(x))
