"""Bodies built from depth: fused volumes, surfaces, completion, registration, known models."""
