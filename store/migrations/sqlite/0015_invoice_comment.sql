-- What the OPCO says of the state of an invoice, masked as what it says of a refusal is.
alter table invoice add column commentaire text;
