-- Runs once, when PostgreSQL's volume is new: Prefect's tables and gonogo's don't share a database.
CREATE DATABASE prefect;
CREATE DATABASE ledger;
