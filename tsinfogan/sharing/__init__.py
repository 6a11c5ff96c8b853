"""A model for others: graphs that run without this library, a page in which codes can be set, model hubs."""
