"""`faultline analyzer placement`: where one more probe would tell most, and what it would tell."""
