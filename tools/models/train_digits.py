# SPDX-License-Identifier: Apache-2.0
"""Makes model_repo/digits: a small CNN for the 8x8 handwritten digits.

Also writes the 360 held-out samples to tests/data/ (they never take part in training or
in any choice made here).  Takes about a minute on one core.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

import repository
import torch_export

SEED = 20240
HELD_OUT = 360
EPOCHS = 60
BATCH = 64
REQUIRED_ACCURACY = 0.975


def conv_bn(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                         nn.BatchNorm2d(outputs))


class DigitsNet(nn.Module):
    """Two convolutions, a pooling, one residual block, one convolution, a linear layer."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(1, 16)
        self.widen = conv_bn(16, 32)
        self.residual_a = conv_bn(32, 32)
        self.residual_b = conv_bn(32, 32)
        self.head = conv_bn(32, 64)
        self.classify = nn.Linear(64, 10)

    def logits(self, image):
        x = functional.relu(self.stem(image / 16.0))
        x = functional.relu(self.widen(x))
        x = functional.max_pool2d(x, 2)
        x = functional.relu(x + self.residual_b(functional.relu(self.residual_a(x))))
        x = functional.relu(self.head(x))
        x = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.classify(x)

    def forward(self, image):
        return functional.softmax(self.logits(image), dim=1)


def load_split():
    """Images as float32 [n,1,8,8] with intensities 0..16, labels as int64 [n]."""
    images, labels = load_digits(return_X_y=True)
    images = images.astype(np.float32).reshape(-1, 1, 8, 8)
    return train_test_split(images, labels.astype(np.int64), test_size=HELD_OUT,
                            stratify=labels, random_state=SEED)


def distorted(images):
    """Turns, scales and moves every image a little (at most 14 degrees, 10 %, half a pixel)."""
    count = len(images)
    angle = 0.5 * (torch.rand(count) - 0.5)
    scale = 1 + 0.2 * (torch.rand(count) - 0.5)
    shift = 0.25 * (torch.rand(count, 2) - 0.5)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), images.shape, align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def train(net, images, labels):
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    net.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(images))
        for first in range(0, len(images) - BATCH + 1, BATCH):
            pick = order[first:first + BATCH]
            loss = functional.cross_entropy(net.logits(distorted(images[pick])), labels[pick],
                                            label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    train_images, test_images, train_labels, test_labels = load_split()
    net = DigitsNet()
    train(net, torch.from_numpy(train_images), torch.from_numpy(train_labels))

    net.eval()
    with torch.no_grad():
        predicted = net(torch.from_numpy(test_images)).argmax(1).numpy()
    correct = int((predicted == test_labels).sum())
    print(f"held-out accuracy {correct}/{HELD_OUT} = {correct / HELD_OUT:.4f}")
    if correct / HELD_OUT < REQUIRED_ACCURACY:
        raise SystemExit("accuracy below the bound")

    data = torch_export.export(net, torch.zeros(2, 1, 8, 8), ["image"], ["probabilities"])
    repository.write_model("digits", data)
    repository.write_npy(repository.TEST_DATA / "digits_images.npy", test_images)
    repository.write_npy(repository.TEST_DATA / "digits_labels.npy", test_labels)


if __name__ == "__main__":
    main()
