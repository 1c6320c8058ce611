"""Trace rows, their summary and their writers."""
