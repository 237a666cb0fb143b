"""A hand from one crop, refined as two graphs that look at each other (Shuang et al., 2024)."""
