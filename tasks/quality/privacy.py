"""Personal data that anyone could read: addresses, numbers of phones, cards, accounts and machines."""
