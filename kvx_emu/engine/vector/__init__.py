"""The vector engine: whole stretches of writes at once, exact to the byte.

Nothing outside this package imports numpy before it is asked for; importing the package imports it.
"""
