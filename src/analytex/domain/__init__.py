"""What the product is: types, limits and rules. No input or output happens here."""
