"""Reconstructors side by side on frames whose truth is known: run, score, report, compare."""
