"""Pages and pictures for people.

``codes`` draws a card for each code of a model, ``evaluation`` a page of synthetic series beside real ones. Imports
``metrics`` and the rooms below.
"""
