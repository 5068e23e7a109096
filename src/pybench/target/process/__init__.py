"""What a process that measures needs, under pytest or in a notebook.

Who this process is, whether its GIL stayed as it was, how long a window is and which
rounds count. The standard library alone: the plugin loads it into every interpreter
under test, and a notebook may lack pytest.
"""
