"""What is generated from the contract: JSON Schemas, the AsyncAPI document, the reference page."""
