"""An evaluation for people: the figures of a comparison and of the codes, in a table, in pictures and on a page."""
