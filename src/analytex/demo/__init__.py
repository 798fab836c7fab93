"""A made-up product, Planwright, and the weeks of calls that its customers cause.

Everything follows from a seed and the time at which the weeks end: the same two give the same
companies, users and calls.
"""
