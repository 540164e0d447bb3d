# SPDX-License-Identifier: Apache-2.0
"""Networks of matrix products as PyTorch modules: two transformers and a perceptron."""

import math

import torch
from torch import nn


def encoder(width=256, heads=4, hidden=1024, layers=4, norm_first=False):
    """PyTorch's own encoder; with `norm_first` normalised once more at the end, as is usual."""
    layer = nn.TransformerEncoderLayer(width, heads, hidden, activation="relu", batch_first=True,
                                       norm_first=norm_first)
    # The encoder clones one layer; make_topologies.py gives each its own weights.
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width) if norm_first else None)


class BertLayer(nn.Module):
    """One layer of BERT: separate projections, normalised behind each addition, Gelu by erf."""

    def __init__(self, width=768, heads=12, hidden=3072):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value, self.mix = (nn.Linear(width, width) for _ in range(4))
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.attention_norm, self.output_norm = (nn.LayerNorm(width, 1e-12) for _ in range(2))

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, self.size).permute(0, 2, 1, 3)

    def attend(self, x, mask):
        query, key, value = (self.split(f(x)) for f in (self.query, self.key, self.value))
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(self.size)
        if mask is not None:
            scores = scores + (1.0 - mask[:, None, None, :].float()) * -10000.0
        mixed = torch.matmul(torch.softmax(scores, -1), value).permute(0, 2, 1, 3).contiguous()
        return self.mix(mixed.view(mixed.size(0), mixed.size(1), self.heads * self.size))

    def forward(self, hidden, mask=None):
        x = self.attention_norm(self.attend(hidden, mask) + hidden)
        expanded = nn.functional.gelu(self.expand(x))
        return self.output_norm(self.contract(expanded) + x)


class Perceptron(nn.Module):
    """Three hidden layers: normalised with ReLU, SiLU, and Gelu; probabilities of the classes."""

    def __init__(self, inputs=64, hidden=1024, classes=10):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, hidden), nn.GELU(),
            nn.Linear(hidden, classes), nn.Softmax(-1))

    def forward(self, features):
        return self.body(features)
