"""Exports networks to other runtimes, and proves that the files answer as the networks do."""
