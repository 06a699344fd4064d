"""Tests of the neural renderer."""
