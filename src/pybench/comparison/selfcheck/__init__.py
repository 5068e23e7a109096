"""Is the tool right? Suites whose answer is known, through the whole of it.

An interpreter is compared with itself, where every *slower* is false, and with a
change of known size planted in rows that chance chose and the analysis never sees.
`live` measures such suites, `replay` draws thousands of them from recorded pairs, and
`others` asks what other tools say of the same interpreter in the same hour.
"""
