"""One example, iteration by iteration: in a terminal, as an animated picture or as a page."""
