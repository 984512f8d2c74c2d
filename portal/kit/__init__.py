"""Ground floor: tools without a word of the trade."""
