"""Numerical engines: arrays in, arrays out, batched over curves; no pandas, no law by name."""
