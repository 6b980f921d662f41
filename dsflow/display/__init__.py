"""How workflows and runs look: as SVG, as text, and live on a terminal. Nothing here changes anything."""
