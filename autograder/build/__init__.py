"""From a lab's master to what students get and what grades them."""
