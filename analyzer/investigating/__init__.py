"""`faultline analyzer investigate`: the tests that would tell most about a line, ordered, awaited, and reckoned with."""
