"""``run --local``: the same Definition that would be submitted, executed here."""
