"""Tests of rules for answers."""
