"""`faultline analyzer locate`: the localiser on files of evidence, one by one or window after window."""
