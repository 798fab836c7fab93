"""Every read that the product offers."""
