"""From a requirement to its value: plan, shared work, storage."""
