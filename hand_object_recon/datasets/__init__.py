"""Published data sets of hands and objects, read from the files as their authors publish them."""
