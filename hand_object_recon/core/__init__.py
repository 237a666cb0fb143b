"""Value types, errors, configuration schema and the plugin registry."""
