"""Every metric of the field, batched over frames; docs/metrics.md tells the conventions apart."""
