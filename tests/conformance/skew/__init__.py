"""Where OpenMLDB's offline engine and its request mode differ: shapes of queries, and what both real engines answer."""
