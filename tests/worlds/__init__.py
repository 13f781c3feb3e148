"""Tiny worlds written by hand, and seeded ones: deliveries whose truth is known."""
