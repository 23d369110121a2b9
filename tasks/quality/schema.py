"""What the table is made of: columns, types, rows and age against the contract and the runs before."""
