"""A plugin's own tests run where it is installed: see tests/contract/test_plugin.py."""

collect_ignore = ["example_plugin"]
