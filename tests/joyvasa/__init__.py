"""Tests of JoyVASA's generator and the driver over it."""
