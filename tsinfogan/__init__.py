"""InfoGAN for time series. Names are loaded on first use, so importing the package costs nothing."""

from __future__ import annotations

__version__ = "0.1.0"
