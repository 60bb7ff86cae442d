"""The page to draw digits and read photos on."""
