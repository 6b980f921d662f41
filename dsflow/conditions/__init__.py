"""The conditions of a SWITCH task, as servers of each series fill and evaluate them."""
