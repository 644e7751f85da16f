"""BigGAN as plain functions of a state dict, written from the layer tables of the public code.

A second opinion on the modules: it walks the key names alone, in the order of operations of
`ajbrock/BigGAN-PyTorch` (upsample, then convolve the shortcut; convolve the shortcut, then pool).
"""

from __future__ import annotations

import torch
from torch.nn import functional


def spectral(state, name):
    weight = state[f"{name}.weight"]
    matrix = weight.reshape(weight.shape[0], -1)
    right = state[f"{name}.u0"] @ matrix
    right = right / right.norm()
    left = right @ matrix.t()
    left = left / left.norm()
    return weight / (right @ matrix.t() @ left.t()).item()


def conv(state, name, x):
    weight = spectral(state, name)
    return functional.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)


def batch_norm(state, name, x, gain, bias):
    mean, var = state[f"{name}.stored_mean"], state[f"{name}.stored_var"]
    normal = (x - mean.view(1, -1, 1, 1)) / (var.view(1, -1, 1, 1) + 1e-5).sqrt()
    return normal * gain + bias


def conditional(state, name, x, y):
    gain = 1 + y @ spectral(state, f"{name}.gain").t()
    bias = y @ spectral(state, f"{name}.bias").t()
    return batch_norm(state, name, x, gain[:, :, None, None], bias[:, :, None, None])


def attention(state, name, x):
    n, _, h, w = x.shape
    theta = conv(state, f"{name}.theta", x).reshape(n, -1, h * w)
    phi = functional.max_pool2d(conv(state, f"{name}.phi", x), 2).reshape(n, -1, h * w // 4)
    g = functional.max_pool2d(conv(state, f"{name}.g", x), 2).reshape(n, -1, h * w // 4)
    beta = torch.softmax(torch.einsum("ncq,nck->nqk", theta, phi), -1)
    attended = torch.einsum("nck,nqk->ncq", g, beta).reshape(n, -1, h, w)
    return state[f"{name}.gamma"] * conv(state, f"{name}.o", attended) + x


def double(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def generate(state, z, labels, *, chunk):
    y = state["shared.weight"][labels]
    h = z[:, :chunk] @ spectral(state, "linear").t() + state["linear.bias"]
    h = h.reshape(len(z), -1, 4, 4)
    i = 0
    while f"blocks.{i}.0.conv1.weight" in state:
        name = f"blocks.{i}.0"
        condition = torch.cat([y, z[:, chunk * (i + 1) : chunk * (i + 2)]], 1)
        r = double(conditional(state, f"{name}.bn1", h, condition).relu())
        r = conv(state, f"{name}.conv1", r)
        r = conv(state, f"{name}.conv2", conditional(state, f"{name}.bn2", r, condition).relu())
        h = r + conv(state, f"{name}.conv_sc", double(h))
        if f"blocks.{i}.1.gamma" in state:
            h = attention(state, f"blocks.{i}.1", h)
        i += 1
    gain, bias = (state[f"output_layer.0.{part}"].view(1, -1, 1, 1) for part in ("gain", "bias"))
    return conv(
        state, "output_layer.2", batch_norm(state, "output_layer.0", h, gain, bias).relu()
    ).tanh()


def discriminate(state, x, labels):
    h, found, i = x, [], 0
    while f"blocks.{i}.0.conv1.weight" in state:
        name = f"blocks.{i}.0"
        halves = f"{name}.conv_sc.weight" in state
        r = conv(state, f"{name}.conv1", h.relu() if i else h)
        r = conv(state, f"{name}.conv2", r.relu())
        shortcut = h
        if halves and i:
            shortcut = functional.avg_pool2d(conv(state, f"{name}.conv_sc", h), 2)
        elif halves:
            shortcut = conv(state, f"{name}.conv_sc", functional.avg_pool2d(h, 2))
        h = (functional.avg_pool2d(r, 2) if halves else r) + shortcut
        found.append(h)
        if f"blocks.{i}.1.gamma" in state:
            h = attention(state, f"blocks.{i}.1", h)
            found.append(h)
        i += 1
    pooled = h.relu().sum((2, 3))
    found.append(pooled)
    table = spectral(state, "embed")
    logit = pooled @ spectral(state, "linear").t() + state["linear.bias"]
    return found, logit[:, 0] + (table[labels] * pooled).sum(1)
