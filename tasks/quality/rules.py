"""What columns say about one another: dependencies, rules of the contract, references, totals."""
