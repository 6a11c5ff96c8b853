"""Pages and pictures for people.

:mod:`~tsinfogan.reports.codes` draws a card for each code of a model, :mod:`~tsinfogan.reports.evaluation` a page of
synthetic beside real series, and :mod:`~tsinfogan.reports.augmentation` a picture of an augmentation study. Pages come
from the templates in ``templates/``. Imports ``metrics`` and the rooms below.
"""
