"""Lintas: stores, plugins and sales channels of a merchant, linked by SKU."""
