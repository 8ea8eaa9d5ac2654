"""What every end-to-end test stands on: servers as processes, connections with deadlines, the two wire formats.

Only the Python standard library and /proc; the tests' subjects (client libraries, tools) are imported by the tests.
"""
