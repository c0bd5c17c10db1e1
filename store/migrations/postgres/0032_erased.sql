-- Since when nothing an OPCO says of these in words is kept: a person they are of was erased.
alter table invoice add column erased_at bigint;
alter table dossier add column erased_at bigint;
