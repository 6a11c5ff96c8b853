"""Curves that pictures show: what a channel remembers of itself, and what frequencies it holds."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import FloatArray, Panel


def channel_values(panel: Panel, channel: int) -> FloatArray:
    """``(n,)`` every value of a channel, at all times of all series."""
    values: FloatArray = panel.values[:, channel].ravel()
    return values[np.isfinite(values)]


def autocorrelation(values: FloatArray) -> FloatArray:
    """``(n, lags)`` of ``(n, t)``, by the biased estimate; 0 for a constant series."""
    centred = values.astype(np.float64) - values.mean(axis=1, keepdims=True)
    t = centred.shape[1]
    powers = np.abs(np.fft.rfft(centred, 2 * t, axis=1)) ** 2
    products = np.fft.irfft(powers, axis=1)[:, : max(2, t // 2)]
    variance = products[:, :1]
    found: FloatArray = (products / np.where(variance > 0, variance, 1)).astype(np.float32)
    return found


def spectrum(values: FloatArray) -> FloatArray:
    """``(n, t // 2)`` amplitudes from one cycle a series on."""
    found: FloatArray = np.abs(np.fft.rfft(values, axis=1)[:, 1:]) / values.shape[1]
    return found
