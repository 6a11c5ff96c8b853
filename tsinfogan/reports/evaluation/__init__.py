"""An evaluation for people: its figures as a table, its series in pictures, and both as an HTML page.

:func:`tsinfogan.metrics.compare` computes the figures, ``pictures.draw_all`` draws the series, and ``page.render``
writes the page.
"""
