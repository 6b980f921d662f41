"""The language of OpenMLDB: its SQL, its types, its indexes, and the compiler of its wheel."""
