"""Whether more series help a classifier: ways to get them, the study that compares them, and its verdicts."""
