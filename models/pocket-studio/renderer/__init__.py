"""Renders product photographs: a scene description in Python, sphere tracing in C."""
