"""Code cards: what each category and continuous code of a trained model means, in pictures, words and figures.

``gathering.gather`` computes a ``CodeReport`` of a ``ReportContext``, ``pictures.draw_all`` draws it, and
``page.render`` writes both as an HTML page.
"""
