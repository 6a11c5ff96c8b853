"""Code cards: what each category and knob of a trained model turned out to mean, in pictures, words and figures."""
